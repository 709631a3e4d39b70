/** Starts the server that its first argument names, says what it has, and waits to be killed. */
import { startKafka, startNats, startRabbitmq, startRedis, startSqs } from '../src/index.ts';

const starts = { kafka: startKafka, nats: startNats, rabbitmq: startRabbitmq, redis: startRedis, sqs: startSqs };
const { pid, folder } = await starts[process.argv[2] as keyof typeof starts]();
process.stdout.write(`${JSON.stringify({ pid, folder })}\n`);
if (process.argv[3] !== 'leave') setInterval(() => {}, 1 << 30);

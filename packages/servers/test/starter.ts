/** Starts the broker its environment leads to, says what it has, and waits to be killed. */
import { startKafka } from '../src/index.ts';

const { brokers, pid, folder } = await startKafka();
process.stdout.write(`${JSON.stringify({ brokers, pid, folder })}\n`);
if (process.argv[2] !== 'leave') setInterval(() => {}, 1 << 30);

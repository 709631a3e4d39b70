/** The service that asks. */
import { trace } from '@opentelemetry/api';
import { traceConnection } from '@throughline/amqplib';
import amqplib from 'amqplib';
import { startTelemetry } from './telemetry.ts';

const [url = '', ...questions] = process.argv.slice(2);
const telemetry = startTelemetry('planner');
const connection = traceConnection(await amqplib.connect(url), { agent: 'planner' });
const channel = await connection.createConfirmChannel();

const { queue: replyTo } = await channel.assertQueue('', { exclusive: true });
let left = questions.length;
const answered = new Promise<void>((resolve) => {
  void channel.consume(replyTo, () => (--left === 0 ? resolve() : undefined), { noAck: true });
});
await trace.getTracer('planner').startActiveSpan('plan', async (span) => {
  for (const [at, question] of questions.entries()) {
    channel.sendToQueue('tasks', Buffer.from(question), { replyTo, correlationId: String(at) });
  }
  await channel.waitForConfirms();
  await answered;
  span.end();
});
await connection.close();
await telemetry.shutdown();

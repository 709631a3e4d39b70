/** A service that answers the tasks of one queue: the analyst rejects what is hard, and RabbitMQ hands that to the senior. */
import { trace } from '@opentelemetry/api';
import { traceConnection } from '@throughline/amqplib';
import amqplib from 'amqplib';
import { startTelemetry } from './telemetry.ts';

const [url = '', name = '', queue = '', count = ''] = process.argv.slice(2);
const telemetry = startTelemetry(name);
const connection = traceConnection(await amqplib.connect(url), { agent: name });
const channel = await connection.createChannel();

let left = Number(count);
const done = new Promise<void>((resolve) => {
  void channel.consume(queue, (task) => {
    if (task === null) return;
    const text = task.content.toString();
    if (name === 'analyst' && text.includes('hard')) channel.nack(task, false, false);
    else {
      trace.getTracer(name).startActiveSpan('analyse', (span) => span.end());
      const { replyTo, correlationId } = task.properties as { replyTo: string; correlationId: string };
      channel.sendToQueue(replyTo, Buffer.from(`${text}: done`), { correlationId });
      channel.ack(task);
    }
    if (--left === 0) resolve();
  });
});
await done;
await channel.close();
await connection.close();
await telemetry.shutdown();

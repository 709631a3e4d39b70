/** `pnpm start`: an order goes through the queue, and the trace that this leaves is shown. */
import { trace } from '@opentelemetry/api';
import { checkChains, fromReadableSpans, renderTree } from '@throughline/verify';
import { QueueClient, startBroker } from './queue.ts';
import { startTelemetry } from './telemetry.ts';
import { traceQueue } from './trace-queue.ts';

const telemetry = startTelemetry();
const broker = await startBroker();
const client = new QueueClient(broker.port);
const queue = traceQueue(client, { agent: 'shop' });
const tracer = trace.getTracer('shop');

const billed = new Promise<void>((resolve) => {
  void queue.subscribe('orders', ({ body }) => {
    tracer.startActiveSpan('bill', { attributes: { order: body } }, (span) => span.end());
    setImmediate(resolve);
  });
});
await tracer.startActiveSpan('place order', async (span) => {
  await queue.push('orders', { body: 'a chair' });
  span.end();
});
await billed;
client.close();
await broker.close();

const spans = fromReadableSpans(telemetry.spans());
process.stdout.write(`${renderTree(spans)}\n`);
if (checkChains(spans, { expect: 'one-trace' }).verdict !== 'sound') process.exitCode = 1;

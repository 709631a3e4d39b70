/** The service that takes orders. */
import { trace } from '@opentelemetry/api';
import { startService, topics } from './service.ts';

const { producer, stop } = await startService('orders');
for (const order of process.argv.slice(4)) {
  await trace.getTracer('orders').startActiveSpan('place order', { attributes: { order } }, async (span) => {
    await producer.send({ topic: topics.work, messages: [{ key: order, value: order }] });
    span.end();
  });
}
await stop();

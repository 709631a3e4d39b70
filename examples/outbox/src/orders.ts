/** The service that takes orders. It never talks to Kafka. */
import { trace } from '@opentelemetry/api';
import { injectHeaders } from '@throughline/kafkajs';
import { openShop } from './shop.ts';
import { startTelemetry } from './telemetry.ts';

const [database = '', ...orders] = process.argv.slice(2);
const telemetry = startTelemetry('orders');
const shop = openShop(database);

for (const order of orders) {
  trace.getTracer('orders').startActiveSpan('place order', (span) => {
    // The context as it is now: when the row is sent, this span is long over.
    shop.order(order, injectHeaders());
    span.end();
  });
}
await telemetry.shutdown();

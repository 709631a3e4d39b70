/** One station of the road in a process of its own: named by `STATION`. It says to its starter where it listens, and ends with it. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { setting } from './stations.ts';
import type { Station } from './stations.ts';

const name = setting('STATION');
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const provider = new TracerProvider({
  resource: resourceFromAttributes({ 'service.name': name }),
  spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
});
trace.setGlobalTracerProvider(provider);
const { start } = (await import(`./stations/${name}.ts`)) as { start: () => Promise<Station> };
const { url, stop } = await start();
process.on('SIGTERM', () => {
  void stop()
    .then(() => provider.shutdown())
    .then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
process.send?.({ event: 'ready', url });

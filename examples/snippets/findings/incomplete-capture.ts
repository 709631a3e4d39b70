import assert from 'node:assert/strict';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { checkChains, startCollector } from '@throughline/verify';
import type { Collector } from '@throughline/verify';

/** A service that exports a hundred spans, ten at a time, as any does. */
async function exportTo({ url }: Collector): Promise<void> {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces` });
  const sdk = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter, maxExportBatchSize: 10 })] });
  const tracer = sdk.getTracer('writer');
  for (let page = 0; page < 100; page++) tracer.startSpan(`page ${page}`, { root: true }).end();
  await sdk.shutdown();
}

const small = await startCollector({ maxSpans: 60 });
await exportTo(small);
assert.equal(small.spans().length, 60);
const report = checkChains(small);
assert.equal(report.verdict, 'incomplete');
assert.deepEqual(
  report.findings.map(({ code, message }) => [code, message]),
  [['incomplete-capture', '40 spans came and could not be kept']],
);

// #region larger
const collector = await startCollector({ maxSpans: 1_000_000, maxKeptBytes: 1024 ** 3 });
// #endregion
await exportTo(collector);
assert.equal(checkChains(collector).verdict, 'sound');
await Promise.all([small.close(), collector.close()]);
console.log('what could not be kept is told');

/** Metrics for Prometheus: nothing in this file knows Throughline. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Resource } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/**
 * Registers a meter provider whose metrics are at `/metrics` on a free loopback port, and writes the address into a file of `folder`, as
 * Prometheus' `file_sd_configs` read it. Returns the function that takes both back.
 */
export function startMetrics(
  resource: Resource,
  service: string,
  instance: string,
  folder: string,
): () => Promise<void> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ resource, readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);

  const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
  const file = join(folder, `${instance.replaceAll(/[^\w-]/g, '-')}-${process.pid}.json`);
  let announced: Promise<void> = Promise.resolve();
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') return;
    // As https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#resource-attributes has it.
    const target = { targets: [`127.0.0.1:${address.port}`], labels: { job: service, instance } };
    announced = announce(file, JSON.stringify([target]));
    announced.catch((error: unknown) => process.stderr.write(`${instance} has no metrics: ${String(error)}\n`));
  });
  // It does not keep an agent alive that has nothing else to do.
  server.unref();
  return async () => {
    await announced.catch(() => {});
    await rm(file, { force: true });
    server.close();
    server.closeAllConnections();
    await provider.shutdown();
  };
}

/** Writes a file at once: Prometheus looks at it as soon as it is there. */
async function announce(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

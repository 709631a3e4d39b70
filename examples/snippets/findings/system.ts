/** Two or three services, each a process of its own, in a broken form and in a mended one. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';
import { register } from '@throughline/core';
import { checkChains, formatOtlpJson, startCollector } from '@throughline/verify';
import type { ChainReport } from '@throughline/verify';
import { close, urlOf } from '../docs/server.ts';

export type Form = 'broken' | 'mended';

export interface Service {
  /** A stranger: no service of ours. */
  readonly isOutside?: true;
  /** What the service answers. `peers` has the URLs of the services before it. */
  serve(form: Form, peers: Readonly<Record<string, string>>): RequestListener;
  readonly sampler?: (form: Form) => Sampler;
  /** What stands before the exporter. */
  readonly processor?: (form: Form, next: SpanProcessor) => SpanProcessor;
}

/**
 * Starts these services in a broken form and in a mended one, asks the last of them `requests` times, and returns what the checker says of
 * both. With RECORD in the environment the broken form's spans are kept in that folder, as `NAME.json`.
 */
export async function judgeBoth(
  file: string,
  name: string,
  services: Readonly<Record<string, Service>>,
  requests = 1,
): Promise<Readonly<Record<Form, ChainReport>>> {
  const [role, form, peers] = process.argv.slice(2);
  if (role !== undefined) {
    await serve(role, services[role] as Service, form as Form, JSON.parse(peers ?? '{}') as Record<string, string>);
    process.exit(0);
  }
  const [broken, mended] = await Promise.all([
    judge(file, name, services, 'broken', requests),
    judge(file, name, services, 'mended', requests),
  ]);
  return { broken, mended };
}

async function judge(
  file: string,
  name: string,
  services: Readonly<Record<string, Service>>,
  form: Form,
  requests: number,
): Promise<ChainReport> {
  const collector = await startCollector();
  const peers: Record<string, string> = {};
  const running: ChildProcess[] = [];
  let entry = '';
  for (const role of Object.keys(services)) {
    const child = fork(file, [role, form, JSON.stringify(peers)], {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
    running.push(child);
    [entry] = (await once(child, 'message')) as [string];
    peers[role] = entry;
  }
  for (let nth = 0; nth < requests; nth++) await (await fetch(`${entry}/questions`)).text();
  for (const child of running.reverse()) {
    const ended = once(child, 'exit');
    child.send('stop');
    await ended;
  }
  const report = checkChains(collector, {
    services: Object.keys(services).filter((role) => services[role]?.isOutside !== true),
  });
  const { RECORD } = process.env;
  if (form === 'broken' && RECORD !== undefined) {
    writeFileSync(join(RECORD, `${name}.json`), `${formatOtlpJson(collector.spans())}\n`);
  }
  await collector.close();
  return report;
}

async function serve(
  role: string,
  service: Service,
  form: Form,
  peers: Readonly<Record<string, string>>,
): Promise<void> {
  const exporting = new BatchSpanProcessor({ exporter: new OTLPTraceExporter() });
  const sampler = service.sampler?.(form);
  const sdk = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': role, 'service.instance.id': randomUUID() }),
    spanProcessors: [service.processor?.(form, exporting) ?? exporting],
    ...(sampler === undefined ? undefined : { sampler }),
  });
  trace.setGlobalTracerProvider(sdk);
  register();
  const stopped = once(process, 'message');
  const server = createServer(service.serve(form, peers)).listen(0, '127.0.0.1');
  process.send?.(await urlOf(server));
  await stopped;
  await close(server);
  await sdk.shutdown();
}

/** The codes of what was found. */
export function codesOf({ findings }: ChainReport): string[] {
  return findings.map(({ code }) => code);
}

/**
 * A service in which instrumentation-http runs beside ours. It patches `require`, so it is a process of its own. Asks itself for what
 * `process.argv[2]` says, and prints what came of it as one line of JSON.
 */
import { once } from 'node:events';
import type * as Http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { propagation, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { context } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { startTelemetry } from '@throughline/test-telemetry';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { traceContext } from '../../src/hono/index.ts';
import type { HonoOptions } from '../../src/hono/index.ts';
import { traceHandler } from '../../src/index.ts';

/** What the service is told. */
export interface Scenario {
  readonly by: 'hono' | 'handler' | 'both';
  readonly beside: boolean;
  readonly options: Pick<HonoOptions, 'inbound' | 'baggage' | 'agent'>;
  readonly path: string;
  readonly headers: Record<string, string>;
}

/** What it prints. */
export interface Report {
  readonly seen: { readonly traceId?: string | undefined; readonly baggage: readonly string[] };
  readonly metadataRoute: string | undefined;
  readonly spans: readonly {
    readonly scope: string;
    readonly name: string;
    readonly kind: number;
    readonly traceId: string;
    readonly parentId: string | undefined;
    readonly status: number;
    readonly links: readonly string[];
    readonly attributes: Attributes;
  }[];
}

const { by, beside, options, path, headers } = JSON.parse(process.argv[2] ?? '') as Scenario;
const telemetry = startTelemetry();
if (beside) {
  registerInstrumentations({
    instrumentations: [new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true })],
  });
}
const http = createRequire(import.meta.url)('node:http') as typeof Http;

let seen: Report['seen'] = { baggage: [] };
let metadata: ReturnType<typeof getRPCMetadata>;
const app = new Hono();
if (by !== 'handler') app.use('*', traceContext(by === 'hono' ? options : undefined));
app.get('/users/:id', (c) => {
  metadata = getRPCMetadata(context.active());
  seen = {
    traceId: trace.getActiveSpan()?.spanContext().traceId,
    baggage: (propagation.getActiveBaggage()?.getAllEntries() ?? []).map(([key, { value }]) => `${key}=${value}`),
  };
  if (c.req.param('id') === 'fail') throw new RangeError('no user');
  if (c.req.param('id') !== 'stream') return c.text('a user');
  let made = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (made++ < 3) controller.enqueue(new TextEncoder().encode('chunk'));
      else controller.close();
    },
  });
  return new Response(body);
});
app.onError((_error, c) => c.text('sorry', 500));

const fetch =
  by === 'hono'
    ? app.fetch
    : traceHandler(app.fetch, { ...options, ...(by === 'handler' && { route: () => '/users/:id' }) });
const server = http.createServer(getRequestListener(fetch));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const request = http.get({ port, host: '127.0.0.1', path, headers, agent: false });
const [response] = (await once(request, 'response')) as [Http.IncomingMessage];
await once(response.resume(), 'close');
server.close();
await once(server, 'close');
await new Promise((resolve) => setImmediate(resolve));

const report: Report = {
  seen,
  metadataRoute: (metadata as { route?: string } | undefined)?.route,
  spans: telemetry.spans().map((span) => ({
    scope: span.instrumentationScope.name,
    name: span.name,
    kind: span.kind,
    traceId: span.spanContext().traceId,
    parentId: span.parentSpanContext?.spanId,
    status: span.status.code,
    links: span.links.map((link) => link.context.spanId),
    attributes: span.attributes,
  })),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

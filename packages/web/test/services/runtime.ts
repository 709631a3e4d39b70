/** Serves a traced handler by Bun or Deno, asks it, and prints what came of it as one line of JSON. */
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import { traceHandler } from '../../src/index.ts';

const telemetry = startTelemetry();
const traceId = (): string | undefined => trace.getActiveSpan()?.spanContext().traceId;

const handler = traceHandler(
  async (request: Request, _beside?: unknown): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === '/text') return new Response(traceId());
    if (pathname === '/fail') throw new RangeError('no plan');
    let made = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        await sleep(5);
        if (pathname === '/stream' && made++ === 3) return controller.close();
        controller.enqueue(new TextEncoder().encode(`${traceId()};`));
      },
    });
    return new Response(body);
  },
  { route: (request) => new URL(request.url).pathname },
);

interface Runtimes {
  Bun?: { serve(options: object): { port: number; stop(now: boolean): unknown } };
  Deno?: { serve(options: object, handle: typeof handler): { addr: { port: number }; shutdown(): Promise<void> } };
}
const { Bun, Deno } = globalThis as Runtimes;

async function serve(): Promise<{ port: number; stop(): unknown }> {
  const onError = (): Response => new Response('sorry', { status: 500 });
  if (Bun !== undefined) {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: handler, error: onError });
    return { port: server.port, stop: () => server.stop(true) };
  }
  if (Deno === undefined) throw new Error('neither Bun nor Deno');
  const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {}, onError }, handler);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

const server = await serve();
const url = `http://127.0.0.1:${server.port}`;
const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
const text = await fetch(`${url}/text`, { headers });
const told = {
  length: text.headers.get('content-length'),
  text: await text.text(),
  stream: await (await fetch(`${url}/stream`, { headers })).text(),
  status: (await fetch(`${url}/fail`, { headers })).status,
};
const leaving = new AbortController();
const endless = await fetch(`${url}/endless`, { headers, signal: leaving.signal });
await endless.body?.getReader().read();
leaving.abort();
for (let tries = 0; tries < 500 && telemetry.spans().length < 4; tries++) await sleep(20);
const spans = telemetry.spans().map(({ name, attributes, status, parentSpanContext }) => ({
  name,
  attributes,
  status: status.code,
  parent: parentSpanContext?.spanId,
}));
console.log(JSON.stringify({ ...told, spans }));
await server.stop();
process.exit(0);

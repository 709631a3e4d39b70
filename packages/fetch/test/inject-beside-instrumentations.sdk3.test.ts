import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { fetch as undiciFetch, Pool, request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { injectHeaders } from '../src/index.ts';
import { sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

const STALE_TRACE = '0af7651916cd43dd8448eb211c80319c';
const STALE = `00-${STALE_TRACE}-b7ad6b7169203331-01`;
const service = new URL('services/inject-beside-instrumentations.ts', import.meta.url).pathname;
const run = promisify(execFile);

let server: EchoServer;
beforeAll(async () => {
  server = await startEchoServer();
});
afterAll(() => server.close());

describe('a process with the instrumentations of undici and http', () => {
  let spans: Record<string, { scope: string; spanId: string }[]>;
  beforeAll(async () => {
    const { stdout } = await run(process.execPath, [service, server.origin]);
    spans = JSON.parse(stdout) as typeof spans;
  });
  const at = (path: string): Echo => server.seen.find(({ url }) => url === path)!;
  const baggage = (path: string): string[] =>
    at(path).rawHeaders.filter((_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'baggage');

  test.each(['fetch', 'fetch-headers', 'fetch-pairs', 'undici', 'axios-fetch'])(
    '%s sends one traceparent, that of its CLIENT span, and the baggage that we let go',
    (client) => {
      for (const side of ['ours', 'theirs']) {
        const path = `/${client}/${side}`;
        expect(spans[path]?.map(({ scope }) => scope)).toEqual(['@opentelemetry/instrumentation-undici']);
        expect(sent(at(path), 'traceparent')).toEqual([expect.stringContaining(spans[path]![0]!.spanId)]);
        expect(sent(at(path), 'accept')).toEqual(['text/plain']);
      }
      expect(baggage(`/${client}/ours`)).toEqual(['throughline.lineage=1.1.32.1.-.-.-,user.id=42']);
      expect(baggage(`/${client}/theirs`)).toEqual(['throughline.lineage=1.1.32.1.-.-.-']);
    },
  );

  test.each(['axios', 'got', 'http'])('%s sends one traceparent, that of its CLIENT span', (client) => {
    for (const side of ['ours', 'theirs']) {
      const path = `/${client}/${side}`;
      expect(spans[path]?.map(({ scope }) => scope)).toEqual(['@opentelemetry/instrumentation-http']);
      expect(sent(at(path), 'traceparent')).toEqual([expect.stringContaining(spans[path]![0]!.spanId)]);
      // instrumentation-http writes over our baggage, and sends all of it to anyone, as it does without us.
      expect(baggage(path)).toEqual(['user.id=42']);
    }
  });

  test('a call under suppressed tracing sends what we wrote', () => {
    for (const side of ['ours', 'theirs']) {
      const path = `/http-suppressed/${side}`;
      expect(spans[path]).toEqual([]);
      expect(sent(at(path), 'traceparent')).toEqual([expect.stringContaining(spans['work']![0]!.spanId)]);
    }
    expect(baggage('/http-suppressed/theirs')).toEqual(['throughline.lineage=1.1.32.1.-.-.-']);
  });
});

describe('beside the instrumentation of undici', () => {
  let telemetry: Telemetry;
  let instrumentation: UndiciInstrumentation;
  beforeEach(() => {
    telemetry = startTelemetry();
    instrumentation = new UndiciInstrumentation();
    instrumentation.setTracerProvider(trace.getTracerProvider());
  });
  afterEach(async () => {
    instrumentation.disable();
    await telemetry.shutdown();
  });
  const inWork = <T>(work: () => Promise<T>): Promise<T> =>
    trace.getTracer('test').startActiveSpan('work', async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    });
  const ask = async (headers: Record<string, string>): Promise<Echo> => {
    const { body } = await request(server.origin, { headers });
    return (await body.json()) as Echo;
  };
  const spanId = (): string => telemetry.find('GET').spanContext().spanId;
  const withBaggage = <T>(work: () => T): T =>
    context.with(
      propagation.setBaggage(context.active(), propagation.createBaggage({ 'user.id': { value: '42' } })),
      work,
    );

  test('that was enabled after the first call of injectHeaders', async () => {
    instrumentation.disable();
    await inWork(() => ask(injectHeaders()));
    instrumentation.enable();
    const echo = await inWork(() => ask(injectHeaders()));
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(spanId())]);
  });

  test('that was turned off, what we wrote goes', async () => {
    await inWork(() => ask(injectHeaders()));
    instrumentation.disable();
    await telemetry.reset();
    const echo = await inWork(() => ask(injectHeaders()));
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(telemetry.find('work').spanContext().spanId)]);
  });

  test('a relay goes on in the chain that it came from: the instrumentation would begin another', async () => {
    const echo = await ask(injectHeaders({ traceparent: STALE, tracestate: 'vendor=1' }));
    expect(sent(echo, 'traceparent')).toEqual([STALE]);
    expect(sent(echo, 'tracestate')).toEqual(['vendor=1']);
    const kept = await inWork(() => ask(injectHeaders({ traceparent: STALE }, undefined, { existing: 'keep' })));
    expect(sent(kept, 'traceparent')).toEqual([STALE]);
  });

  test('tracestate is that of the traceparent that stays, once', async () => {
    const remote = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: STALE_TRACE,
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      isRemote: true,
      traceState: parseState('vendor=1'),
    });
    const echo = await context.with(remote, () => ask(injectHeaders()));
    expect(sent(echo, 'traceparent')).toEqual([`00-${STALE_TRACE}-${spanId()}-01`]);
    expect(sent(echo, 'tracestate')).toEqual(['vendor=1']);
  });

  test('a third party gets none of the baggage, also where we write none at all', async () => {
    const silent = { lineage: false } as const;
    const [theirs, ours] = await withBaggage(() =>
      inWork(async () => [
        await ask(injectHeaders({}, 'api.example.com', silent)),
        await ask(injectHeaders({}, server.origin, silent)),
      ]),
    );
    expect(theirs.rawHeaders.map((text) => text.toLowerCase())).not.toContain('baggage');
    expect(sent(ours, 'baggage')).toEqual(['user.id=42']);
    expect(sent(theirs, 'traceparent')).toHaveLength(1);
  });

  test('a request that is not ours stays as it is', async () => {
    const echo = await withBaggage(() => inWork(() => ask({ traceparent: STALE, baggage: 'mine=1' })));
    expect(sent(echo, 'traceparent')).toHaveLength(2);
    expect(sent(echo, 'baggage')).toEqual(['mine=1', 'user.id=42']);
  });

  test('a hundred at once, none crossed, on a pool that lets them wait', async () => {
    const pool = new Pool(server.origin, { connections: 2, pipelining: 1 });
    const echoes = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        trace.getTracer('test').startActiveSpan(`work ${at}`, async (span) => {
          const { body } = await pool.request({ path: `/${at}`, method: 'GET', headers: injectHeaders({}, 'planner') });
          span.end();
          return { traceId: span.spanContext().traceId, echo: (await body.json()) as Echo };
        }),
      ),
    );
    await pool.close();
    for (const { echo, traceId } of echoes) {
      expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(traceId)]);
    }
  });

  test("through undici's own fetch", async () => {
    const echo = await inWork(async () => {
      const response = await undiciFetch(server.origin, {
        headers: injectHeaders(new Headers(), server.origin) as never,
      });
      return (await response.json()) as Echo;
    });
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(spanId())]);
  });
});

function parseState(text: string) {
  const carried = propagation.extract(ROOT_CONTEXT, { traceparent: STALE, tracestate: text });
  return trace.getSpanContext(carried)!.traceState!;
}

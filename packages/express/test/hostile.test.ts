import http from 'node:http';
import { urlRedaction } from '@throughline/core/http';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve, SPAN_ID, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Served } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const redacted = urlRedaction(undefined);
const OTHER = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

describe.each(versions)('hostile headers, $name', ({ express }) => {
  let served: Served;
  beforeAll(async () => {
    const app = express();
    app.use(traceContext());
    app.get('/', (_req, res) => void res.end('ok'));
    served = await serve(app);
  });
  afterAll(() => served.close());

  const raw = (lines: readonly string[]): Promise<string> =>
    served.askRaw(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    );

  test.each([
    ['repeated', [`traceparent: ${TRACEPARENT}`, `traceparent: ${OTHER}`]],
    ['repeated, the same', [`traceparent: ${TRACEPARENT}`, `traceparent: ${TRACEPARENT}`]],
    ['repeated in another letter case', [`traceparent: ${TRACEPARENT}`, `Traceparent: ${OTHER}`]],
    ['of more than 8 KB', [`traceparent: ${TRACEPARENT}-${'a'.repeat(9000)}`]],
    ['of the forbidden version', [`traceparent: ff-${TRACE_ID}-${SPAN_ID}-01`]],
    ['of zeros', [`traceparent: 00-${'0'.repeat(32)}-${SPAN_ID}-01`]],
    ['in capitals', [`traceparent: ${TRACEPARENT.toUpperCase()}`]],
    ['empty', ['traceparent:']],
    ['with a tab in it', [`traceparent: ${TRACEPARENT.slice(0, 20)}\t${TRACEPARENT.slice(20)}`]],
    ['with Latin-1 in it', [`traceparent: ${TRACEPARENT}\u00e9`]],
    ['with a stray tracestate', ['tracestate: a=1', 'baggage: a=1']],
  ])('a traceparent that is %s starts a fresh trace', async (_name, lines) => {
    expect(await raw(lines)).toMatch(/^HTTP\/1\.1 200 /);
    const span = onlySpan(telemetry);
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.links).toEqual([]);
    expect([TRACE_ID, '1'.repeat(32)]).not.toContain(span.spanContext().traceId);
  });

  test.each([
    [`${'a'.repeat(241)}.example.com:8080`, `${'a'.repeat(241)}.example.com`],
    [`${'a'.repeat(249)}.example.com`, undefined],
  ])('a host with a name that no host can have is not named: %#', async (host, address) => {
    await served.askRaw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(onlySpan(telemetry).attributes['server.address']).toBe(address);
  });

  test('a tracestate or baggage that is broken is dropped, and the trace goes on', async () => {
    expect(
      await raw([
        `traceparent: ${TRACEPARENT}`,
        'tracestate: =,=,=',
        `tracestate: ${'a'.repeat(300)}=1`,
        'baggage: ;;;,%ff=%ff,__proto__=x,=',
        `baggage: ${'k=v,'.repeat(500)}`,
      ]),
    ).toMatch(/^HTTP\/1\.1 200 /);
    const span = onlySpan(telemetry);
    expect(span.parentSpanContext?.spanId).toBe(SPAN_ID);
    expect(span.spanContext().traceState?.serialize() ?? '').toBe('');
  });

  test('bytes that no terminal should see are written out on the span', async () => {
    const request = ['GET / HTTP/1.1', 'Host: x\u0085', 'Connection: close', 'User-Agent: cur\u00adl \u009b31m'];
    expect(await served.askRaw(`${request.join('\r\n')}\r\n\r\n`, 'latin1')).toMatch(/^HTTP\/1\.1 200 /);
    const { attributes } = onlySpan(telemetry);
    expect(attributes).toMatchObject({
      'server.address': 'x\\u{85}',
      'user_agent.original': 'cur\\u{ad}l \\u{9b}31m',
    });
    expect(Object.values(attributes).join()).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });

  test('no header, whatever is in it, makes the middleware throw or the response fail', async () => {
    const value = fc.oneof(
      fc.string({
        unit: fc
          .integer({ min: 0x20, max: 0xff })
          .filter((code) => code !== 0x7f)
          .map((code) => String.fromCharCode(code)),
        maxLength: 200,
      }),
      fc.constantFrom(
        TRACEPARENT,
        OTHER,
        `${TRACEPARENT},${OTHER}`,
        `${TRACEPARENT} `,
        '00-',
        '\t',
        '"',
        '%',
        '[',
        '[::1',
        '@',
        ':::',
      ),
    );
    const name = fc.constantFrom(
      'traceparent',
      'Traceparent',
      'tracestate',
      'baggage',
      'user-agent',
      'x-forwarded-for',
      'x-forwarded-host',
      'forwarded',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 6 }), async (fields) => {
        await telemetry.reset();
        const answer = await raw(fields.map(([field, text]) => `${field}: ${text}`));
        expect(answer).toMatch(/^HTTP\/1\.1 200 /);
        const span = onlySpan(telemetry);
        const given = fields.filter(([field]) => field.toLowerCase() === 'traceparent').map(([, text]) => text.trim());
        if (given.length !== 1 || !given[0]?.startsWith(TRACEPARENT))
          expect(span.spanContext().traceId).not.toBe(TRACE_ID);
      }),
      { numRuns: 100 },
    );
  });

  test('header values of any type, from whatever stands in front of Express, do no harm', async () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.array(fc.oneof(fc.string(), fc.constant(TRACEPARENT))),
      fc.constant(null),
      fc.constant(7),
    );
    const app = express();
    let inject: Record<string, unknown> = {};
    app.use((req, _res, next) => {
      Object.defineProperty(req, 'headers', { value: inject });
      next();
    });
    app.use(traceContext());
    app.get('/', (_req, res) => void res.end('ok'));
    const server = await serve(app);
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.record({ traceparent: anything, tracestate: anything, baggage: anything }, { requiredKeys: [] }),
          async (fields) => {
            await telemetry.reset();
            inject = fields;
            expect((await server.ask('/')).status).toBe(200);
            expect(telemetry.spans()).toHaveLength(1);
          },
        ),
        { numRuns: 100 },
      );
    } finally {
      await server.close();
    }
  });

  test('a target of any shape does no harm', async () => {
    const target = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(target, async (text) => {
        await telemetry.reset();
        const answer = await served.askRaw(`GET /${text} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        // 400 where Node or Express itself refuses it.
        expect(answer).toMatch(/^HTTP\/1\.1 (200|400|404) /);
        for (const { attributes, name } of telemetry.spans()) {
          expect(name).toMatch(/^GET( \/)?$/);
          // What a reader could take for userinfo or a secret is not shown: `//word@`, `;sig=word`.
          expect(redacted(`/${text}`).startsWith(String(attributes['url.path']))).toBe(true);
        }
      }),
      { numRuns: 100, examples: [['/!@'], ['/user:word@host/x'], [';sig=word/x'], ['x?next=//user@host']] },
    );
  });
});

test('a request that Node takes with headers of 64 KB is served too', async () => {
  const [{ express }] = versions as [(typeof versions)[0]];
  const app = express();
  app.use(traceContext());
  app.get('/', (_req, res) => void res.end('ok'));
  const server = http.createServer({ maxHeaderSize: 200_000 }, app);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { traceparent: TRACEPARENT, tracestate: `a=${'b'.repeat(30_000)}`, baggage: `k=${'v'.repeat(30_000)}` },
  });
  expect(await response.text()).toBe('ok');
  const closed = new Promise((resolve) => void server.close(resolve));
  server.closeAllConnections();
  await closed;
  const span = onlySpan(telemetry);
  expect(span.spanContext().traceId).toBe(TRACE_ID);
  expect(span.spanContext().traceState?.serialize() ?? '').toBe('');
});

import { context, propagation, trace } from '@opentelemetry/api';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { currentLineage, publicEdge, register } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { injectHeaders, traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { extractContext, traceServer } from '@throughline/mcp';
import type { McpOptions } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listen } from './loopback.ts';
import { sessions } from './mcp-services.ts';

// What an attacker offers, in all the places that it can.
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const forged = {
  traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
  tracestate: 'theirs=1',
  baggage: 'throughline.lineage=1.31.32.1.-.-.-,user=theirs',
};
const forgeries: [string, Record<string, string>][] = [
  ['a whole context', forged],
  ['baggage alone', { baggage: forged.baggage }],
  ['a context that is not valid', { ...forged, traceparent: '00-broken' }],
];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** What a process without an SDK has, and what one with it. */
const processes: [string, () => Telemetry | undefined][] = [
  [
    'register() and no SDK',
    () => {
      register();
      cleanups.push(() => {
        context.disable();
        propagation.disable();
      });
      return undefined;
    },
  ],
  [
    'an SDK',
    () => {
      const telemetry = startTelemetry();
      cleanups.push(() => telemetry.shutdown());
      return telemetry;
    },
  ],
];

describe.each(processes)('with %s, below publicEdge()', (_title, start) => {
  beforeEach(() => void start());

  /** What a service behind the edge gets when a handler forwards the headers of its request. */
  async function forwards(
    options: HopOptions,
    headers: Record<string, string>,
    call: (url: string, headers: IncomingHttpHeaders) => Promise<unknown>,
  ): Promise<IncomingHttpHeaders> {
    let got: IncomingHttpHeaders = {};
    const behind = await listen((req, res) => {
      got = req.headers;
      res.end();
    });
    const app = express();
    app.use(traceContext(publicEdge({ agent: 'gateway', ...options })));
    app.get('/', async (req, res) => {
      await call(`http://127.0.0.1:${behind.port}/`, req.headers);
      res.end();
    });
    const edge = await listen(app);
    cleanups.push(behind.close, edge.close);
    await (await fetch(`http://127.0.0.1:${edge.port}/`, { headers })).text();
    return got;
  }

  const clients: [string, (options: HopOptions) => (url: string, headers: IncomingHttpHeaders) => Promise<unknown>][] =
    [
      [
        'traceFetch',
        (options) => async (url, headers) => (await traceFetch(fetch, options)(url, { headers: text(headers) })).text(),
      ],
      [
        'the undici interceptor',
        (options) => async (url, headers) => {
          const dispatcher = new Agent().compose(traceInterceptor(options));
          await (await request(url, { headers: text(headers), dispatcher })).body.dump();
          await dispatcher.close();
        },
      ],
      [
        'injectHeaders',
        (options) => async (url, headers) =>
          (await fetch(url, { headers: injectHeaders(text(headers), url, options) })).text(),
      ],
    ];

  describe.each(clients)('a handler that forwards the headers of its request by %s', (_name, client) => {
    test.each(forgeries)('passes nothing on of %s', async (_what, offered) => {
      for (const spans of [true, false]) {
        for (const existing of ['replace', 'keep'] as const) {
          const got = await forwards({ spans }, offered, client({ agent: 'gateway', spans, existing }));
          expect(got.traceparent ?? '').not.toContain(TRACE);
          expect(got.traceparent ?? '').not.toBe('00-broken');
          expect(got).not.toHaveProperty('tracestate');
          expect(String(got['baggage'])).not.toMatch(/theirs|=1\.3[12]\./);
        }
      }
    });
  });

  test('where the edge goes on with the trace, a relay stays in it', async () => {
    const [, client] = clients[0] as (typeof clients)[number];
    const got = await forwards({ inbound: 'continue', spans: false }, forged, client({ spans: false }));
    expect(got).toMatchObject({ traceparent: forged.traceparent, tracestate: 'theirs=1' });
  });
});

/** Node's headers as fetch takes them, without what belongs to one connection. */
function text(headers: IncomingHttpHeaders): Record<string, string> {
  const { host: _host, connection: _connection, ...rest } = headers;
  return rest as Record<string, string>;
}

interface Seen {
  readonly traceId: string | undefined;
  readonly user: string | undefined;
  readonly hops: number | undefined;
}

function seenHere(): Seen {
  return {
    traceId: trace.getActiveSpan()?.spanContext().traceId,
    user: propagation.getActiveBaggage()?.getEntry('user')?.value,
    hops: currentLineage()?.hops,
  };
}

describe.each(processes)('with %s: MCP inside an HTTP request that publicEdge() restarted', (_title, start) => {
  let telemetry: Telemetry | undefined;
  beforeEach(() => {
    telemetry = start();
  });

  /** Calls a tool as an attacker does, with forged fields in `_meta` alone, and in the headers too. */
  async function call(
    options: McpOptions | undefined,
    edge: HopOptions,
    headers: Record<string, string>,
  ): Promise<[Seen, Seen]> {
    const app = express();
    app.use(traceContext(publicEdge(edge)));
    app.use(
      sessions(() => {
        const server = new McpServer({ name: 'tools', version: '1.0.0' });
        server.registerTool('look', {}, (extra) => {
          const seen = [seenHere(), context.with(extractContext(extra, options), seenHere)];
          return { content: [{ type: 'text', text: JSON.stringify(seen) }] };
        });
        return traceServer(server, options);
      }),
    );
    const served = await listen(app);
    const client = new Client({ name: 'attacker', version: '1.0.0' });
    const url = new URL(`http://127.0.0.1:${served.port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    cleanups.push(served.close, () => client.close());
    await telemetry?.reset();
    const { content } = await client.callTool({ name: 'look', _meta: { ...forged } });
    return JSON.parse((content as [{ text: string }])[0].text) as [Seen, Seen];
  }

  test.each([
    ['in `_meta`', {}],
    ['in `_meta` and in the headers', forged],
    ['in `_meta`, and baggage in the headers', { baggage: forged.baggage }],
  ])('by default nothing that was offered %s comes in', async (_where, headers) => {
    for (const spans of [true, false]) {
      for (const seen of await call({ spans }, { spans }, headers)) {
        expect(seen.traceId).not.toBe(TRACE);
        expect(seen.user).toBeUndefined();
        expect(seen.hops ?? 0).toBeLessThan(2);
      }
    }
  });

  test('what the request let in is there', async () => {
    const [seen] = await call({}, { baggage: { accept: ['user'] } }, { baggage: 'user=ada' });
    expect(seen.user).toBe('ada');
  });

  test('the server’s own policy decides where it has one', async () => {
    const [seen, extracted] = await call({ inbound: 'continue' }, {}, {});
    expect(seen).toMatchObject({ traceId: TRACE, user: 'theirs', hops: 31 });
    expect(extracted).toMatchObject({ traceId: TRACE, user: 'theirs' });
  });

  test('a request that goes on leaves `_meta` as it was', async () => {
    const [seen, extracted] = await call({}, { inbound: 'continue' }, {});
    expect(seen).toMatchObject({ traceId: TRACE, user: 'theirs', hops: 31 });
    expect(extracted).toMatchObject({ traceId: TRACE, user: 'theirs' });
  });

  test('the call is in the request’s trace, and links what was offered', async () => {
    await call({}, {}, {});
    if (telemetry === undefined) return;
    const into = telemetry.find('tools/call look');
    const around = telemetry.spans().find((span) => span.spanContext().spanId === into.parentSpanContext?.spanId);
    expect(around?.name).toBe('POST');
    expect(into.links.map((link) => link.context.traceId)).toEqual([TRACE]);
    // The tool reads it once more.
    expect(await telemetry.hops()).toMatchObject({ 'mcp inbound restarted': 2 });
  });
});

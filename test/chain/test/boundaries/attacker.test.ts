import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { StreamableHTTPClientTransportOptions } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { currentLineage, internalMesh, publicEdge, resumeTrace, saveTrace, thirdPartyTools } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import { traceContext } from '@throughline/express';
import { injectHeaders, traceFetch } from '@throughline/fetch';
import { tracedEachMessage } from '@throughline/kafkajs';
import type { ConsumerOptions } from '@throughline/kafkajs';
import { traceClient } from '@throughline/mcp';
import { checkChains, startCollector } from '@throughline/verify';
import type { Collector, CollectorOptions } from '@throughline/verify';
import { ParentBasedSampler, startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Sampler, Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetch as undiciFetch } from 'undici';
import type { Agent } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { listen, loopbackAgent } from './loopback.ts';
import { broughtBy } from './mcp-services.ts';

/*
 * The attacker's table of docs/TRUST.md. Each of its rows has a test here, which shows what somebody outside gains from the wrong
 * choice, and that the right one takes it away.
 */

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const forged = {
  traceparent: `00-${TRACE}-${SPAN}-01`,
  tracestate: 'ot=th:0;rv:ffffffffffffff,vendor=theirs',
  baggage: 'throughline.lineage=1.31.32.1.-.-.-,session.id=theirs',
};

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
const start = (sampler?: Sampler): void => {
  telemetry = startTelemetry(sampler === undefined ? {} : { sampler });
  cleanups.push(() => telemetry.shutdown());
};
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** What a service does with a request, and what it sends on to the next one. */
interface Served {
  readonly span: ReadableSpan | undefined;
  readonly traceId: string;
  readonly hops: number | undefined;
  readonly status: number;
  readonly answer: string | null;
  readonly sent: IncomingHttpHeaders;
}

/** Asks a service with these options, which asks another one. */
async function ask(options: HopOptions, headers: Record<string, string> = forged, path = '/'): Promise<Served> {
  let sent: IncomingHttpHeaders = {};
  const next = await listen((request, response) => {
    sent = request.headers;
    response.end();
  });
  const app = express();
  app.use(traceContext(options));
  let traceId = '';
  let hops: number | undefined;
  app.use(async (_request, response) => {
    traceId = trace.getActiveSpan()?.spanContext().traceId ?? '';
    hops = currentLineage()?.hops;
    await (await traceFetch(fetch)(`http://127.0.0.1:${next.port}/`)).text();
    response.end();
  });
  const server = await listen(app);
  try {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers });
    await response.text();
    const span = telemetry.spans().findLast(({ kind }) => kind === SpanKind.SERVER);
    return { span, traceId, hops, status: response.status, answer: response.headers.get('traceresponse'), sent };
  } finally {
    await server.close();
    await next.close();
  }
}

/** Asks a host of somebody else's, with baggage of a user's, and returns what it gets. */
async function callOut(
  options: HopOptions,
  answer?: string,
): Promise<{ got: IncomingHttpHeaders; span: ReadableSpan }> {
  const agent = loopbackAgent();
  let got: IncomingHttpHeaders = {};
  const server = await listen((request, response) => {
    got = request.headers;
    if (answer !== undefined) response.setHeader('traceresponse', answer);
    response.end();
  });
  cleanups.push(server.close, () => agent.close());
  await asUser(async () => {
    const call = traceFetch(undiciFetch, options);
    await (await call(`http://hooks.example.org:${server.port}/`, { dispatcher: agent })).text();
  });
  return { got, span: telemetry.find('GET') };
}

type Call = (url: string, init: { readonly dispatcher: Agent }) => Promise<unknown>;

/** What a stranger gets of a user's call of a host of ours, which redirects there. */
async function led(call: Call): Promise<string> {
  const agent = loopbackAgent();
  const got: string[] = [];
  const stranger = await listen((request, response) => {
    got.push(JSON.stringify(request.headers));
    request.on('data', (chunk: Buffer) => got.push(chunk.toString())).on('end', () => response.end());
  });
  const ours = await listen((_request, response) => {
    response.writeHead(307, { location: `http://hooks.example.org:${stranger.port}/` }).end();
  });
  cleanups.push(stranger.close, ours.close, () => agent.close());
  await asUser(() => call(`http://127.0.0.1:${ours.port}/`, { dispatcher: agent }));
  return got.join('\n');
}

const asUser = <T>(fn: () => T): T =>
  context.with(propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ user: { value: 'ada' } })), fn);

/** How many of ten requests with a forged flag are recorded. */
async function recorded(options: HopOptions, sampler: Sampler, flag: '00' | '01', path = '/'): Promise<number> {
  start(sampler);
  for (let request = 0; request < 10; request++) {
    await ask(options, { traceparent: `00-${TRACE.slice(0, 31)}${request}-${SPAN}-${flag}` }, path);
  }
  const count = telemetry.spans().filter(({ kind }) => kind === SpanKind.SERVER).length;
  await cleanups.pop()?.();
  return count;
}

const parentBased = (ratio: number): Sampler => new ParentBasedSampler({ root: edgeSampler({ ratio }) });

const handle = (lineage: string): string => `tl1~${Date.now().toString(36)}~${forged.traceparent}~-~${lineage}`;

function resumed(text: string, options: HopOptions): { traceId: string; hops: number; deadline: number | undefined } {
  return resumeTrace(
    text,
    'approved',
    (span) => {
      const { hops = 0, deadline } = currentLineage() ?? {};
      return { traceId: span.spanContext().traceId, hops, deadline };
    },
    options,
  );
}

/** The baggage that an untraced program on this machine gets, which speaks MCP over stdio. */
async function stdioBaggage(options: HopOptions): Promise<unknown> {
  const script = fileURLToPath(new URL('services/stdio-echo.ts', import.meta.url));
  const client = traceClient(new Client({ name: 'agent', version: '1.0.0' }), options);
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [script] }));
  cleanups.push(() => client.close());
  return broughtBy(await asUser(() => client.callTool({ name: 'echo' }))).meta['baggage'];
}

const expectAllIn = ({ span, traceId, hops, sent }: Served): void => {
  expect([traceId, hops]).toEqual([TRACE, 31]);
  expect(span?.attributes['session.id']).toBe('theirs');
  expect(sent).toMatchObject({ tracestate: forged.tracestate, baggage: expect.stringContaining('theirs') });
};
const expectNothingIn = ({ span, traceId, hops, sent }: Served): void => {
  expect(traceId).not.toBe(TRACE);
  expect(hops).toBe(0);
  expect(span?.links.map((link) => link.context.spanId)).toEqual([SPAN]);
  expect(JSON.stringify([span?.attributes, sent])).not.toMatch(/theirs|th:0/);
};

/** By the row's first cell. */
const rows: Readonly<Record<string, () => Promise<void> | void>> = {
  async '`continue` where anybody can call'() {
    start();
    expect((await ask({})).traceId).toBe(TRACE);
    expectNothingIn(await ask(publicEdge()));
  },

  async 'honouring the sampled flag of anybody'() {
    expect(await recorded({}, parentBased(0), '01')).toBe(10);
    expect(await recorded({}, parentBased(1), '00')).toBe(0);
    expect(await recorded(publicEdge(), edgeSampler({ ratio: 0 }), '01')).toBe(0);
    expect(await recorded(publicEdge(), edgeSampler({ ratio: 1 }), '00')).toBe(10);
  },

  async 'honouring `tracestate` of anybody'() {
    start();
    expect((await ask({})).sent['tracestate']).toBe(forged.tracestate);
    expect((await ask(publicEdge())).sent['tracestate']).toBeUndefined();
  },

  async 'accepting baggage of anybody'() {
    start();
    expect((await ask({})).span?.attributes['session.id']).toBe('theirs');
    expect((await ask(publicEdge())).span?.attributes['session.id']).toBeUndefined();
  },

  async '`authenticated: () => true`, or `internalMesh()`, at a public edge'() {
    start();
    expectAllIn(await ask(publicEdge({ authenticated: () => true })));
    expectAllIn(await ask(internalMesh()));
    expectNothingIn(await ask(publicEdge({ authenticated: () => false })));
  },

  async '`authenticated` that believes `x-forwarded-for`, or a header that your proxy does not overwrite'() {
    start();
    const believing = publicEdge({ authenticated: ({ headers }) => headers.get('x-forwarded-for') === '10.0.0.7' });
    expectNothingIn(await ask(believing));
    expectAllIn(await ask(believing, { ...forged, 'x-forwarded-for': '10.0.0.7' }));
    const bySocket = publicEdge({ authenticated: ({ address }) => address === '10.0.0.7' });
    expectNothingIn(await ask(bySocket, { ...forged, 'x-forwarded-for': '10.0.0.7' }));
  },

  async 'baggage to everybody (`baggage: { send: true }`)'() {
    start();
    expect((await callOut({ baggage: { send: true } })).got['baggage']).toContain('user=ada');
    for (const options of [{}, thirdPartyTools()]) {
      expect((await callOut(options)).got['baggage'] ?? '').not.toContain('ada');
    }
  },

  async "`firstParty: ['*']`"() {
    start();
    expect((await callOut({ firstParty: ['*'] })).got['baggage']).toContain('user=ada');
    expect((await callOut({ firstParty: ['*.example.com'] })).got['baggage'] ?? '').not.toContain('ada');
  },

  async '`firstParty: true` for an MCP server that you installed with `npx`'() {
    start();
    expect(await stdioBaggage({ firstParty: true })).toContain('user=ada');
    expect((await stdioBaggage({})) ?? '').not.toContain('ada');
  },

  '`resumeTrace` without `publicEdge()` for a handle that somebody may have written'() {
    start();
    const deadline = (Date.now() + 1000).toString(36);
    const written = handle(`1.31.32.1.${deadline}.-.-`);
    expect(resumed(written, {})).toEqual({ traceId: TRACE, hops: 31, deadline: Number.parseInt(deadline, 36) });
    const edge = resumed(written, publicEdge());
    expect(edge).toMatchObject({ hops: 0, deadline: undefined });
    expect(edge.traceId).not.toBe(TRACE);
  },

  'a handle in a URL or a form'() {
    start();
    const given = context.with(ROOT_CONTEXT, () => saveTrace());
    const saved = telemetry.find('suspend').spanContext();
    expect(given).toContain(`${saved.traceId}-${saved.spanId}`);
    expect([1, 2, 3].map(() => resumed(given, {}).traceId)).toEqual(Array(3).fill(saved.traceId));
    const traces = new Set([1, 2, 3].map(() => resumed(given, publicEdge()).traceId));
    expect(traces.size).toBe(3);
    expect(traces).not.toContain(saved.traceId);
  },

  async '`answer: true` at a public edge'() {
    start();
    const { answer, traceId } = await ask(publicEdge({ answer: true }));
    expect(answer).toContain(traceId);
    expect((await ask(publicEdge())).answer).toBeNull();
  },

  async '`answer: true` on calls to strangers'() {
    start();
    expect(
      (await callOut({ answer: true }, forged.traceparent)).span.links.map((link) => link.context.traceId),
    ).toEqual([TRACE]);
    await telemetry.reset();
    expect((await callOut({}, forged.traceparent)).span.links).toEqual([]);
  },

  async '`recordErrorText: true` on calls to strangers'() {
    start();
    const failed = async (options: HopOptions): Promise<ReadableSpan> => {
      const [near, far] = InMemoryTransport.createLinkedPair();
      const server = new Server({ name: 'stranger', version: '1.0.0' }, { capabilities: { tools: {} } });
      server.setRequestHandler(CallToolRequestSchema, () => {
        throw new McpError(-32_000, 'text of theirs');
      });
      await server.connect(far);
      const client = traceClient(new Client({ name: 'agent', version: '1.0.0' }), { firstParty: false, ...options });
      await client.connect(near);
      await telemetry.reset();
      await expect(client.callTool({ name: 'echo' })).rejects.toThrow('text of theirs');
      await client.close();
      return telemetry.find('tools/call echo');
    };
    expect((await failed({ recordErrorText: true })).status.message).toContain('text of theirs');
    const { status, attributes, events } = await failed({});
    expect(attributes['error.type']).toBe('-32000');
    expect(JSON.stringify([status, attributes, events])).not.toContain('theirs');
  },

  async '`recordKey: true` on a topic that others write to'() {
    start();
    const key = async (options: ConsumerOptions): Promise<unknown> => {
      const message = {
        key: Buffer.from('theirs'),
        value: null,
        headers: {},
        offset: '1',
        timestamp: String(Date.now()),
      };
      await tracedEachMessage(async () => {}, options)({ topic: 'orders', partition: 0, message });
      return telemetry.spans().at(-1)?.attributes['messaging.kafka.message.key'];
    };
    expect(await key({ recordKey: true })).toBe('theirs');
    expect(await key({})).toBeUndefined();
  },

  async 'a first party that redirects to any URL it is given, called with headers of `injectHeaders()` or by a fetch that follows redirects unseen (a browser’s)'() {
    start();
    expect(await led((url, init) => undiciFetch(url, { ...init, headers: injectHeaders({}, url) }))).toContain('ada');
    expect(await led(traceFetch(undiciFetch))).not.toContain('ada');
  },

  async "an MCP client with `redirectPolicy: 'follow'`, or SDK v1 before it had that option"() {
    start();
    const call =
      (options: StreamableHTTPClientTransportOptions): Call =>
      async (url, init) => {
        const through = (input: string | URL, given?: RequestInit): Promise<Response> =>
          undiciFetch(input, { ...(given as object), ...init }) as unknown as Promise<Response>;
        const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: through, ...options });
        await traceClient(new Client({ name: 'agent', version: '1.0.0' }))
          .connect(transport)
          .catch(() => {});
        await transport.close();
      };
    expect(await led(call({ redirectPolicy: 'follow' }))).toContain('ada');
    expect(await led(call({}))).not.toContain('ada');
  },

  async 'a rule of `edgeSampler` that is a regular expression without the flag `i`'() {
    const rules = (route: RegExp | string) => [{ route, ratio: 1 }];
    const sampled = (route: RegExp | string): Promise<number> =>
      recorded(publicEdge(), edgeSampler({ ratio: 0, rules: rules(route) }), '00', '/ADMIN/delete');
    expect(await sampled(/^\/admin\//)).toBe(0);
    expect(await sampled(/^\/admin\//i)).toBe(10);
    expect(await sampled('/admin/*')).toBe(10);
  },

  async "`startCollector({ host: '0.0.0.0' })`"() {
    const collect = async (options: CollectorOptions): Promise<{ collector: Collector; elsewhere: string }> => {
      const collector = await startCollector({ ...options, maxKeptBytes: 20_000 });
      cleanups.push(() => collector.close());
      // Another address of this machine, as another machine would use one.
      return { collector, elsewhere: `http://127.0.0.2:${new URL(collector.url).port}/v1/traces` };
    };
    const add = (url: string, name: string): Promise<Response> => {
      const spanId = name.length.toString(16).padStart(16, '0');
      const span = { traceId: TRACE, spanId, name, startTimeUnixNano: '1', endTimeUnixNano: '2' };
      const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
      return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    };
    const open = await collect({ host: '0.0.0.0' });
    await add(open.elsewhere, 'theirs'.repeat(3000));
    await add(`${open.collector.url}/v1/traces`, 'ours'.repeat(1000));
    expect(open.collector.spans().map(({ name }) => name.slice(0, 6))).toEqual(['theirs']);
    expect(checkChains(open.collector).verdict).toBe('incomplete');
    const closed = await collect({});
    await expect(add(closed.elsewhere, 'theirs')).rejects.toThrow('fetch failed');
  },

  async '`lineage: { keepOnRestart: true }` at a public edge'() {
    start();
    const past = { ...forged, baggage: 'throughline.lineage=1.33.32.1.-.-.-' };
    const kept = await ask(publicEdge({ lineage: { keepOnRestart: true, mode: 'enforce' } }), past);
    expect([kept.status, kept.hops]).toEqual([508, undefined]);
    const dropped = await ask(publicEdge({ lineage: { mode: 'enforce' } }), past);
    expect([dropped.status, dropped.hops]).toEqual([200, 0]);
  },

  async 'a rule of `edgeSampler` with a route that anybody can call, at a ratio of 1'() {
    const rules = [{ route: '/public/*', ratio: 1 }];
    expect(await recorded(publicEdge(), edgeSampler({ ratio: 0, rules }), '00', '/public/x')).toBe(10);
    expect(await recorded(publicEdge(), edgeSampler({ ratio: 0 }), '00', '/public/x')).toBe(0);
  },
};

describe('what an attacker gains from each wrong choice, and not from the right one', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/TRUST.md'), 'utf8');
  const [, table = ''] = /## What an attacker gains from each wrong choice\n([^]*?)\n## /.exec(page) ?? [];
  const cells = table.split('\n').flatMap((line) => /^\| (?!wrong choice|---)(.*?) \| /.exec(line)?.[1] ?? []);

  test('the page has these rows', () => expect(Object.keys(rows)).toEqual(cells));
  test.each(Object.entries(rows))('%s', (_row, holds) => holds());
});

import { context as contextApi, diag, DiagLogLevel, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { internalMesh, thirdPartyTools } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { injectHeaders, traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { traceClient } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import type { IncomingHttpHeaders } from 'node:http';
import { fileURLToPath } from 'node:url';
import { fetch as undiciFetch, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, loopbackAgent } from './loopback.ts';
import type { Listening } from './loopback.ts';
import { broughtBy, echoServer, sessions } from './mcp-services.ts';

const members = { 'user.id': 'ada', tenant: 'acme', 'session.id': '42' };
const agent = loopbackAgent();
let telemetry: Telemetry;
let web: Listening;
let mcp: Listening;
const warnings: string[] = [];

beforeAll(async () => {
  telemetry = startTelemetry();
  diag.setLogger(
    { warn: (message) => void warnings.push(message), error() {}, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  web = await listen((request_, response) => void response.end(JSON.stringify(request_.headers)));
  mcp = await listen(sessions(echoServer));
});
afterAll(async () => {
  diag.disable();
  await agent.close();
  await Promise.all([web.close(), mcp.close()]);
  await telemetry.shutdown();
});

/** Runs `fn` in a span, with the user's baggage. */
function withBaggage<T>(fn: () => Promise<T>): Promise<T> {
  const entries = Object.fromEntries(Object.entries(members).map(([key, value]) => [key, { value }]));
  const context = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries));
  const span = trace.getTracer('test').startSpan('turn', {}, context);
  return contextApi.with(trace.setSpan(context, span), fn).finally(() => span.end());
}

type Ask = (host: string, options?: HopOptions) => Promise<Record<string, unknown>>;

const overFetch: Ask = async (host, options) => {
  const call = traceFetch(undiciFetch, options);
  const response = await call(`http://${host}:${web.port}/`, { method: 'POST', body: '{}', dispatcher: agent });
  return (await response.json()) as IncomingHttpHeaders;
};
const overDispatcher: Ask = async (host, options) => {
  const dispatcher = agent.compose(traceInterceptor(options));
  const { body } = await request(`http://${host}:${web.port}/`, { dispatcher });
  return (await body.json()) as IncomingHttpHeaders;
};
const overInjectedHeaders: Ask = async (host, options) => {
  const url = `http://${host}:${web.port}/`;
  const { body } = await request(url, { headers: injectHeaders({ accept: '*/*' }, url, options), dispatcher: agent });
  return (await body.json()) as IncomingHttpHeaders;
};
const overMcpHttp: Ask = async (host, options) => {
  const client = traceClient(new Client({ name: 'analyst', version: '1.0.0' }), options);
  const throughAgent = (url: string | URL, init?: RequestInit): Promise<Response> =>
    undiciFetch(url, { ...(init as object), dispatcher: agent }) as unknown as Promise<Response>;
  const url = new URL(`http://${host}:${mcp.port}/mcp`);
  await client.connect(new StreamableHTTPClientTransport(url, { fetch: throughAgent }));
  const { meta, headers } = broughtBy(await client.callTool({ name: 'echo' }));
  await client.close();
  expect(headers['baggage']).toBeUndefined();
  return meta;
};
const overMcpStdio: Ask = async (host, options) => {
  const ours = host.endsWith('.example.com');
  const client = traceClient(
    new Client({ name: 'analyst', version: '1.0.0' }),
    ours ? { ...options, firstParty: true } : options,
  );
  const script = fileURLToPath(new URL('services/stdio-echo.ts', import.meta.url));
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [script] }));
  const { meta } = broughtBy(await client.callTool({ name: 'echo' }));
  await client.close();
  return meta;
};

const ways: [string, Ask][] = [
  ['a webhook over fetch', overFetch],
  ['an HTTP host over an undici dispatcher', overDispatcher],
  ['an HTTP host over headers that were injected', overInjectedHeaders],
  ['an MCP server over HTTP', overMcpHttp],
  ['an MCP server over stdio', overMcpStdio],
];

/** The user's members among what arrived. */
function arrived(fields: Record<string, unknown>): Record<string, string> {
  const text = typeof fields['baggage'] === 'string' ? fields['baggage'] : '';
  const pairs = text.split(',').map((member) => member.split('=') as [string, string]);
  return Object.fromEntries(pairs.filter(([key]) => Object.hasOwn(members, key)));
}

describe.each(ways)('%s', (_name, ask) => {
  test('that is a third party gets the trace and none of the user’s baggage', async () => {
    const { traceparent, ...fields } = await withBaggage(() => ask('hooks.example.org'));
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(arrived(fields)).toEqual({});
    // The ids of the trace may spell a name.
    expect(Object.values(fields).join()).not.toMatch(/ada|acme/);
  });

  test('that is a first party gets all of it', async () => {
    const fields = await withBaggage(() => ask('planner.example.com', internalMesh({ firstParty: ['*.example.com'] })));
    expect(arrived(fields)).toEqual(members);
  });

  test('under thirdPartyTools() gets none, whatever its name', async () => {
    const fields = await withBaggage(() => ask('127.0.0.1', thirdPartyTools()));
    expect(fields['traceparent']).toBeDefined();
    expect(arrived(fields)).toEqual({});
  });

  test('gets the keys that a function of the target names', async () => {
    const send: NonNullable<HopOptions['baggage']>['send'] = (target, firstParty) =>
      firstParty ? true : target.host === 'hooks.example.org' || target.channel === 'process' ? ['tenant'] : false;
    expect(arrived(await withBaggage(() => ask('hooks.example.org', { baggage: { send } })))).toEqual({
      tenant: 'acme',
    });
  });

  test('gets nothing at all where the policy for the target is to suppress', async () => {
    const outbound: HopOptions['outbound'] = ({ host, channel }) =>
      host === 'hooks.example.org' || channel === 'process' ? 'suppress' : 'inject';
    const fields = await withBaggage(() => ask('hooks.example.org', { outbound }));
    expect([fields['traceparent'], fields['tracestate'], fields['baggage']]).toEqual([undefined, undefined, undefined]);
  });
});

test('the first time baggage is held back, one warning names the host; the span says how much each time', async () => {
  await telemetry.reset();
  const before = warnings.length;
  await withBaggage(() => overFetch('once.example.org'));
  await withBaggage(() => overFetch('once.example.org'));
  expect(warnings.slice(before)).toEqual([expect.stringContaining('baggage was not sent to once.example.org (http)')]);
  const calls = telemetry.spans().filter(({ name }) => name === 'POST');
  expect(calls.map(({ attributes }) => attributes['throughline.baggage.withheld'])).toEqual([3, 3]);
});

import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { link } from './link.ts';
import type { Link, Via } from './link.ts';
import { v1, v2 } from './sdk.ts';
import type { Tool } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
let linked: Link;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await linked.close();
  await telemetry.shutdown();
});

const untraced: McpOptions = { spans: false, outbound: 'suppress' };
const linksOf = (span: ReadableSpan): string[] => span.links.map(({ context }) => context.spanId);
const idOf = (name: string): string => spanOf(telemetry, name, SpanKind.CLIENT).spanContext().spanId;
const sampling = (): ReadableSpan => spanOf(telemetry, 'sampling/createMessage', SpanKind.SERVER);

// The revision of 2026-07-28 has no requests from server to client.
describe.each([v1, v2()])('what a server of $name asks that carries no context', (sdk) => {
  async function connect(tools: Record<string, Tool>, client: McpOptions = {}, via: Via = 'memory', server = untraced) {
    const prepare = (one: Link['client']): void => sdk.onSampling(one, () => 'because');
    linked = await link(sdk, via, { tools, client, server, prepare });
    await telemetry.reset();
  }
  const call = (tool: string) => inSpan('agent', () => sdk.call(linked.client, tool));
  const ask: Tool = ({ sample }) => sample('why?');

  test.each(['memory', 'stdio', 'Streamable HTTP'] as const)(
    'over %s: links the call that is in flight',
    async (via) => {
      await connect({ ask }, {}, via);
      await call('ask');
      expect(parentOf(sampling())).toBeUndefined();
      expect(linksOf(sampling())).toEqual([idOf('tools/call ask')]);
    },
  );

  test('links each call that it may belong to, and none that is answered', async () => {
    let go = (): void => {};
    const waits = new Promise<void>((resolve) => (go = resolve));
    await connect({
      done: () => 'done',
      wait: async () => (await waits, 'done'),
      ask: async (asked) => (await ask(asked), go(), 'done'),
    });
    await call('done');
    await Promise.all([call('wait'), call('ask')]);
    expect(linksOf(sampling())).toEqual([idOf('tools/call wait'), idOf('tools/call ask')]);
  });

  test('links 128 calls at most', async () => {
    let go = (): void => {};
    const waits = new Promise<void>((resolve) => (go = resolve));
    await connect({ wait: async () => (await waits, 'done'), ask: async (asked) => (await ask(asked), go(), 'done') });
    await Promise.all([...Array.from({ length: 130 }, () => call('wait')), call('ask')]);
    expect(linksOf(sampling())).toHaveLength(128);
  });

  test.each([
    ['restart', 0],
    ['restart-with-link', 1],
    ['continue', 1],
  ] as const)('under the policy %s it has %i links', async (inbound, count) => {
    await connect({ ask }, { inbound });
    await call('ask');
    expect(linksOf(sampling())).toHaveLength(count);
  });

  test.each([
    ['elicitation/create', 1],
    ['roots/list', 1],
    ['vendor/ask', 0],
  ])('%s has %i links', async (method, count) => {
    const [near, far] = sdk.memory();
    const server = sdk.server({ ask: () => far.send({ jsonrpc: '2.0', id: 7, method } as never).then(() => 'done') });
    const client = traceClient(sdk.client());
    await server.connect(far as never);
    await client.connect(near as never);
    linked = { client, inFlight: () => 0, close: () => client.close() };
    await call('ask');
    expect(linksOf(spanOf(telemetry, method, SpanKind.SERVER))).toHaveLength(count);
  });

  test('one that carries its context has that for its parent, and links nothing', async () => {
    await connect({ ask }, {}, 'memory', {});
    await call('ask');
    expect(parentOf(sampling())).toBe(idOf('sampling/createMessage'));
    expect(linksOf(sampling())).toEqual([]);
  });

  test('a call of an untraced client links nothing that the server asks meanwhile', async () => {
    let go = (): void => {};
    const waits = new Promise<string>((resolve) => (go = () => resolve('because')));
    let began = (): void => {};
    const asked = new Promise<void>((resolve) => (began = resolve));
    linked = await link(sdk, 'memory', {
      tools: { ask, done: () => 'done' },
      client: untraced,
      prepare: (one) => sdk.onSampling(one, () => (began(), waits)),
    });
    const asking = call('ask');
    await asked;
    await call('done');
    go();
    await asking;
    expect(linksOf(spanOf(telemetry, 'tools/call done', SpanKind.SERVER))).toEqual([]);
  });
});

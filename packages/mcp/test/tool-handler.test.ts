import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { injectMeta, traceToolHandler } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

const info = { name: 'x', version: '1.0.0' };
const add = (async ({ text }: { text?: string | undefined }) =>
  inSpan('work', async () => ({
    content: [{ type: 'text' as const, text: text ?? 'none' }],
    isError: text === 'bad',
  }))) satisfies unknown;

describe.each([
  {
    sdk: v1,
    serve: () => {
      const server = new McpServerV1(info);
      server.registerTool(
        'add',
        { inputSchema: { text: z.string().optional() } },
        traceToolHandler(add, { name: 'add' }),
      );
      return server;
    },
  },
  {
    sdk: v2(),
    serve: () => {
      const server = new McpServerV2(info);
      server.registerTool(
        'add',
        { inputSchema: z.object({ text: z.string().optional() }) },
        traceToolHandler(add, { name: 'add' }),
      );
      return server;
    },
  },
])('$sdk.name: one handler of a server that nobody wraps', ({ sdk, serve }) => {
  test('runs in a SERVER span under what _meta offers', async () => {
    const server = serve();
    const client = sdk.client();
    const [a, b] = sdk.memory();
    await server.connect(b);
    await client.connect(a as never);
    await inSpan('agent', () => sdk.call(client, 'add', 'hello', undefined, injectMeta()));
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(into)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(telemetry.find('work'))).toBe(into.spanContext().spanId);
    expect(into.attributes).toMatchObject({ 'gen_ai.tool.name': 'add', 'jsonrpc.request.id': '1' });

    await telemetry.reset();
    await sdk.call(client, 'add', 'bad');
    expect(spanOf(telemetry, 'tools/call add', SpanKind.SERVER).attributes['error.type']).toBe('tool_error');
    await client.close();
  });
});

test('what a handler throws, at once or later, is the same object, and on the span', async () => {
  const mine = new RangeError('mine');
  const now = traceToolHandler(
    () => {
      throw mine;
    },
    { name: 'now' },
  );
  const later = traceToolHandler(() => Promise.reject(mine), { name: 'later' });
  expect(now).toThrow(mine);
  await expect(later()).rejects.toBe(mine);
  for (const name of ['tools/call now', 'tools/call later']) {
    const { attributes, status } = telemetry.find(name);
    expect(attributes['error.type']).toBe('RangeError');
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'mine' });
  }
});

test('a span ends when what the handler returned has settled, a promise or not', async () => {
  // Such as a query builder, which starts when it is awaited.
  const query = (work: Promise<unknown>) => ({
    // oxlint-disable-next-line no-thenable -- what this is about
    then: (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) =>
      void work.then(fulfilled, rejected),
  });
  const answer = { content: [], isError: true };
  let answerIt: (answer: unknown) => void = () => {};
  const slow = new Promise<unknown>((resolve) => (answerIt = resolve));
  const result = traceToolHandler(() => query(slow), { name: 'slow' })();
  await new Promise(setImmediate);
  expect(telemetry.spans()).toEqual([]);
  answerIt(answer);
  expect(await (result as unknown)).toBe(answer);
  expect(telemetry.find('tools/call slow').attributes['error.type']).toBe('tool_error');

  const mine = new RangeError('mine');
  const fails = traceToolHandler(() => query(Promise.reject(mine)), { name: 'fails' });
  await expect(Promise.resolve(fails() as unknown)).rejects.toBe(mine);
  expect(telemetry.find('tools/call fails').attributes['error.type']).toBe('RangeError');
});

test('a failure without a value is a failure', async () => {
  const now = traceToolHandler(
    () => {
      throw undefined;
    },
    { name: 'now' },
  );
  const later = traceToolHandler(() => Promise.reject(), { name: 'later' });
  let thrown: unknown = 'nothing';
  try {
    now();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeUndefined();
  await expect(later()).rejects.toBeUndefined();
  for (const name of ['tools/call now', 'tools/call later']) {
    const { attributes, status } = telemetry.find(name);
    expect(attributes['error.type']).toBe('_OTHER');
    expect(status.code).toBe(SpanStatusCode.ERROR);
  }
});

test('a handler without a name throws where it is given', () => {
  expect(() => traceToolHandler(() => {}, {} as never)).toThrow(/`name` takes/);
});

import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceToolHandler } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { link } from './link.ts';
import { text, v1, v2 } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

// https://github.com/open-telemetry/semantic-conventions-genai: gen_ai.tool.call.arguments and .result are opt-in
describe.each([v1, v2()])('$name: content on spans', (sdk) => {
  const both = async (record: McpOptions['record']) => {
    const linked = await link(sdk, 'memory', { client: { record }, server: { record }, tools: { add: () => 'done' } });
    await sdk.call(linked.client, 'add', 'secret');
    await linked.close();
    return [SpanKind.CLIENT, SpanKind.SERVER].map((kind) => spanOf(telemetry, 'tools/call add', kind).attributes);
  };

  test('is not recorded by default', async () => {
    for (const attributes of await both(undefined)) expect(JSON.stringify(attributes)).not.toMatch(/secret|done/);
  });

  test('is recorded on request, at both ends', async () => {
    for (const attributes of await both({ arguments: true, result: true })) {
      expect(attributes['gen_ai.tool.call.arguments']).toBe('{"text":"secret"}');
      expect(JSON.parse(String(attributes['gen_ai.tool.call.result']))).toMatchObject({ content: [{ text: 'done' }] });
    }
  });

  test('goes through the redaction hook', async () => {
    const seen: unknown[] = [];
    const redact = (value: unknown, content: string, name: string): unknown => {
      seen.push([content, name]);
      return content === 'arguments' ? { ...(value as object), text: '***' } : undefined;
    };
    for (const attributes of await both({ arguments: true, result: true, redact })) {
      expect(attributes['gen_ai.tool.call.arguments']).toBe('{"text":"***"}');
      expect(attributes).not.toHaveProperty('gen_ai.tool.call.result');
    }
    expect(seen).toContainEqual(['arguments', 'add']);
    expect(seen).toContainEqual(['result', 'add']);
  });

  test('the URI of a resource is recorded on request, without what a URL never shows', async () => {
    const uris = async (record: McpOptions['record']): Promise<unknown[]> => {
      await telemetry.reset();
      const linked = await link(sdk, 'memory', { client: { record }, server: { record } });
      const reader = linked.client as unknown as { readResource(params: { uri: string }): Promise<unknown> };
      await reader.readResource({ uri: 'db://joe:s@host/t;sid=s?API_KEY=s&id=1' }).catch(() => {});
      await linked.close();
      return [SpanKind.CLIENT, SpanKind.SERVER].map(
        (kind) => spanOf(telemetry, 'resources/read', kind).attributes['mcp.resource.uri'],
      );
    };
    expect(await uris(undefined)).toEqual([undefined, undefined]);
    const shown = 'db://REDACTED:REDACTED@host/t;sid=REDACTED?API_KEY=REDACTED&id=1';
    expect(await uris({ resourceUri: true })).toEqual([shown, shown]);
    const redact = (uri: unknown): string => `${String(uri).slice(-4)}&code=s`;
    expect(await uris({ resourceUri: true, redact })).toEqual(['id=1&code=REDACTED', 'id=1&code=REDACTED']);
  });

  test('stays the JSON of the same value where it hides something, and shows what it hides', async () => {
    const value = { text: 'a\u202e\u200b\u{e0061}\ud800\u009b\n' };
    for (const attributes of await both({ arguments: true, redact: () => value })) {
      const json = String(attributes['gen_ai.tool.call.arguments']);
      expect(json).toBe('{"text":"a\\u202e\\u200b\\udb40\\udc61\\ud800\\u009b\\n"}');
      expect(JSON.parse(json)).toEqual(value);
    }
    await telemetry.reset();
    for (const attributes of await both({ arguments: true, redact: () => `${'x'.repeat(8189)}🚀🚀` }))
      expect(String(attributes['gen_ai.tool.call.arguments']).isWellFormed()).toBe(true);
  });

  test('the name of a tool hides nothing, nor does what is said of it', async () => {
    const linked = await link(sdk, 'memory', { tools: { add: () => 'done' } });
    await sdk.call(linked.client, 'ad\u202e\u200bd\u001b[2J', 'x').catch(() => {});
    await linked.close();
    const named = telemetry.spans().filter(({ name }) => name.startsWith('tools/call'));
    expect(named).toHaveLength(2);
    for (const { name, attributes, status } of named) {
      expect(name).toBe('tools/call ad\\u{202e}\\u{200b}d\\u{1b}[2J');
      expect(attributes['gen_ai.tool.name']).toBe('ad\\u{202e}\\u{200b}d\\u{1b}[2J');
      expect([...Object.values(attributes), status.message].join()).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    }
  });

  test('a hook that throws records nothing and breaks no call; what is long is cut', async () => {
    const redact = (): never => {
      throw new Error('mine');
    };
    for (const attributes of await both({ arguments: true, redact }))
      expect(attributes).not.toHaveProperty('gen_ai.tool.call.arguments');
    await telemetry.reset();
    for (const attributes of await both({ arguments: true, redact: () => 'x'.repeat(100_000) }))
      expect(String(attributes['gen_ai.tool.call.arguments']).length).toBeLessThan(8200);
  });
});

test('a handler that is traced by itself records on request too', () => {
  const traced = traceToolHandler((_args: object, _extra: unknown) => ({ content: [{ type: 'text', text: 'done' }] }), {
    name: 'add',
    record: { arguments: true, result: true },
  });
  traced({ a: 1 }, { requestId: 1, signal: null });
  const { attributes } = telemetry.find('tools/call add');
  expect(attributes['gen_ai.tool.call.arguments']).toBe('{"a":1}');
  expect(attributes['gen_ai.tool.call.result']).toBe('{"content":[{"type":"text","text":"done"}]}');
});

test('a wrong `record` throws where it is given', () => {
  expect(() => traceClient(v1.client(), { record: true as never })).toThrow(/`record` takes/);
  expect(() => traceClient(v1.client(), { record: { redact: 'x' as never } })).toThrow(/`record.redact` takes/);
  expect(() => traceClient(v1.client(), { record: { result: true, redcat: () => 1 } as never })).toThrow(/`redact`\?/);
});

// https://github.com/open-telemetry/semantic-conventions-genai: MCP, "enrich the existing execute_tool span"
describe.each([v1, v2()])('$name: inside of an execute_tool span', (sdk) => {
  const executing = <T>(fn: () => Promise<T>, tool = 'add'): Promise<T> =>
    trace
      .getTracer('agent')
      .startActiveSpan(
        `execute_tool ${tool}`,
        { attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool } },
        async (span) => {
          try {
            return await fn();
          } finally {
            span.end();
          }
        },
      );

  test('a call enriches it, and its SERVER span is the child of it', async () => {
    const linked = await link(sdk, 'memory', { tools: { add: () => inSpan('work', async () => 'done') } });
    await telemetry.reset();
    expect(text(await executing(() => sdk.call(linked.client, 'add')))).toBe('done');
    const outer = telemetry.find('execute_tool add');
    expect(outer.attributes).toMatchObject({ 'mcp.method.name': 'tools/call', 'mcp.protocol.version': '2025-11-25' });
    expect(outer.attributes['jsonrpc.request.id']).toMatch(/^\d+$/);
    expect(parentOf(spanOf(telemetry, 'tools/call add', SpanKind.SERVER))).toBe(outer.spanContext().spanId);
    expect(telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT)).toEqual([]);
    expect(outer.status.code).toBe(SpanStatusCode.UNSET);
    await linked.close();
  });

  test('an error is said there, and the status is left to its owner', async () => {
    const linked = await link(sdk, 'memory', {
      tools: {
        add: () => {
          throw new Error('no');
        },
      },
    });
    await executing(() => sdk.call(linked.client, 'add'));
    const { attributes, status } = telemetry.find('execute_tool add');
    expect(attributes['error.type']).toBe('tool_error');
    expect(status.code).toBe(SpanStatusCode.UNSET);
    await linked.close();
  });

  test('a second call, one of another tool, and one from a tool have spans of their own', async () => {
    const inner = await link(sdk, 'memory', { tools: { add: () => 'done' } });
    const linked = await link(sdk, 'memory', {
      tools: { add: () => 'done', relay: async () => text(await sdk.call(inner.client, 'add')) },
    });
    await telemetry.reset();
    await executing(async () => {
      await sdk.call(linked.client, 'add');
      await sdk.call(linked.client, 'add');
    });
    await executing(() => sdk.call(linked.client, 'add'), 'other');
    const clients = (): number => telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT).length;
    expect(clients()).toBe(2);
    await sdk.call(linked.client, 'relay');
    expect(clients()).toBe(4);
    await linked.close();
    await inner.close();
  });
});

describe.each([v1, v2()])('$name: a span of a framework that executes a tool', (sdk) => {
  const executes = (tool: string) => ({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool });

  /** Calls `search` in a span of a framework, and returns that, and how many CLIENT spans of ours there are beside it. */
  async function enriched(name: string, kind: SpanKind, attributes: Attributes = {}) {
    const linked = await link(sdk, 'memory', { tools: { search: () => 'done' } });
    await telemetry.reset();
    await trace.getTracer('framework').startActiveSpan(name, { kind, attributes }, async (span) => {
      await sdk.call(linked.client, 'search');
      span.end();
    });
    await linked.close();
    const span = telemetry.find(name);
    const own = telemetry.spans().filter((span) => span.kind === SpanKind.CLIENT && span.name === 'tools/call search');
    const into = spanOf(telemetry, 'tools/call search', SpanKind.SERVER);
    return { said: span.attributes, own: own.length, isParent: parentOf(into) === span.spanContext().spanId };
  }

  test.each([
    ['INTERNAL', SpanKind.INTERNAL, 's_search'],
    ['INTERNAL', SpanKind.INTERNAL, 'library.search'],
    ['INTERNAL', SpanKind.INTERNAL, 'mcp__library__search'],
    ['CLIENT', SpanKind.CLIENT, 'search'],
    ['CLIENT', SpanKind.CLIENT, 'library_search'],
  ])('%s, %i, of %s: is enriched', async (_, kind, tool) => {
    const { said, own, isParent } = await enriched(`execute_tool ${tool}`, kind, executes(tool));
    expect([own, isParent, said['mcp.method.name'], said['gen_ai.tool.name']]).toEqual([0, true, 'tools/call', tool]);
  });

  test.each([
    ['another tool, whose name ends alike', SpanKind.CLIENT, 'research'],
    ['another tool of the same server', SpanKind.CLIENT, 'search_all'],
    ['a server of that name', SpanKind.INTERNAL, 'search.read'],
    ['a tool that is served here', SpanKind.SERVER, 'search'],
  ])('%s: has a span of its own', async (_, kind, tool) => {
    const { said, own, isParent } = await enriched(`execute_tool ${tool}`, kind, executes(tool));
    expect([own, isParent, said['jsonrpc.request.id']]).toEqual([1, false, undefined]);
  });

  test('a CLIENT span of MCP, as other tracers open it, has one of its own below it', async () => {
    const attributes = { ...executes('search'), 'mcp.method.name': 'tools/call' };
    expect(await enriched('a call', SpanKind.CLIENT, attributes)).toMatchObject({ own: 1, isParent: false });
  });

  // Which says what it is when it ends.
  test('of Mastra’s bridge, which has but a name: is enriched', async () => {
    const { said, own, isParent } = await enriched("mcp_tool: 's_search' on 's'", SpanKind.CLIENT);
    expect([own, isParent, said['mcp.method.name']]).toEqual([0, true, 'tools/call']);
    const other = await enriched("mcp_tool: 's_research' on 's'", SpanKind.CLIENT);
    expect(other.own).toBe(1);
  });
});

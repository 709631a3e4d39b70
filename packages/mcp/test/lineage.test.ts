import { context, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { currentLineage, withDeadline } from '@throughline/core';
import type { Lineage } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { extractContext, traceClient, traceServer, traceToolHandler } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { link } from './link.ts';
import type { Link, LinkOptions, Via } from './link.ts';
import { text, v1, v2 } from './sdk.ts';
import type { Sdk } from './sdk.ts';
import { toolsOf } from './services/tools.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

const enforce: McpOptions = { lineage: { mode: 'enforce' } };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** The context of an agent that far down a chain of 32 hops at most. */
function deep(hops: number): Context {
  return extractContext({ traceparent, baggage: `throughline.lineage=1.${hops}.32.1.-.-.-` });
}

interface SpanText {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Attributes;
  readonly events: { readonly name: string; readonly attributes: Attributes }[];
}

const cases = [v1, v2(), v2(true)].flatMap((sdk) =>
  (['memory', 'stdio', 'Streamable HTTP'] as const).map((via) => ({ sdk, via, title: `${sdk.name}, ${via}` })),
);
// In memory there is no negotiation of the revision of 2026-07-28.
const possible = cases.filter(({ sdk, via }) => sdk.key !== 'v2-modern' || via !== 'memory');

describe.each(possible)('$title: the chain', ({ sdk, via }: { sdk: Sdk; via: Via }) => {
  let linked: Link;
  afterEach(() => linked.close());

  async function connect(options: LinkOptions = {}): Promise<void> {
    linked = await link(sdk, via, { tools: toolsOf(telemetry), ...options });
    await telemetry.reset();
  }
  const serverSpan = async (name: string): Promise<SpanText> => {
    const spans = JSON.parse(text(await sdk.call(linked.client, 'spans'))) as SpanText[];
    return spans.find((span) => span.name === name && span.kind === SpanKind.SERVER) as SpanText;
  };

  test('a tool is one hop deeper than its caller', async () => {
    await connect();
    const told = await context.with(deep(4), () => sdk.call(linked.client, 'lineage'));
    expect(JSON.parse(text(told))).toMatchObject({ hops: 5, maxHops: 32, attempt: 1, calls: 0 });
  });

  // The revision of 2026-07-28 has no requests from server to client.
  if (sdk.key !== 'v2-modern') {
    test('what the tool asks its caller for is deeper by one more, and the answer is not', async () => {
      let asked: Lineage | undefined;
      await connect({
        prepare: (client) =>
          sdk.onSampling(client, () => {
            asked = currentLineage();
            return 'because';
          }),
      });
      await context.with(deep(4), async () => {
        await sdk.call(linked.client, 'ask');
        expect(currentLineage()?.hops).toBe(4);
      });
      expect(asked).toMatchObject({ hops: 6, maxHops: 32 });
    });

    test('a client refuses what is asked of it past the limit, and the tool that asked hears why', async () => {
      const asked: string[] = [];
      await connect({
        client: { lineage: { mode: 'enforce', maxHops: 6 } },
        prepare: (client) =>
          sdk.onSampling(client, (question) => {
            asked.push(question);
            return 'because';
          }),
      });
      const result = await context.with(deep(5), () => sdk.call(linked.client, 'ask'));
      expect(result.isError).toBe(true);
      expect(text(result)).toMatch(/Refused: this chain of agents and tools is 7 hops deep, and its limit is 6/);
      expect(asked).toEqual([]);
      expect(linked.inFlight()).toBe(0);
    });

    test('a server asks nothing of its client past the limit', async () => {
      const asked: string[] = [];
      await connect({
        server: { lineage: { mode: 'enforce', maxHops: 6 } },
        prepare: (client) =>
          sdk.onSampling(client, (question) => {
            asked.push(question);
            return 'because';
          }),
      });
      const result = await context.with(deep(5), () => sdk.call(linked.client, 'ask'));
      expect(result.isError).toBe(true);
      expect(text(result)).toMatch(/Refused: this chain .* its limit is 6/);
      expect(asked).toEqual([]);
      expect(linked.inFlight()).toBe(0);
    });
  }

  test('past the limit it is seen in observe mode, and the tool runs', async () => {
    await connect();
    expect(text(await context.with(deep(32), () => sdk.call(linked.client, 'add')))).toBe('done');
    const { attributes, events } = await serverSpan('tools/call add');
    expect(attributes['throughline.lineage.hops']).toBe(33);
    expect(attributes).not.toHaveProperty('error.type');
    const exceeded = { name: 'throughline.lineage.exceeded', attributes: { 'throughline.lineage.reason': 'hops' } };
    expect(events).toEqual([exceeded]);
    expect(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).events).toMatchObject([exceeded]);
  });

  test('a server that enforces answers a tool call with what a model can act on, and runs no tool', async () => {
    await connect({ server: enforce });
    const result = await context.with(deep(32), () => sdk.call(linked.client, 'add'));
    expect(result).toEqual({
      isError: true,
      content: [
        {
          type: 'text',
          text: 'Refused: this chain of agents and tools is 33 hops deep, and its limit is 32. Agents may be delegating to each other in a circle. Do not try again: answer with what you have.',
        },
      ],
    });
    const { attributes } = await serverSpan('tools/call add');
    expect(attributes['error.type']).toBe('throughline.hops');
    expect(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).attributes['error.type']).toBe('tool_error');
    expect(linked.inFlight()).toBe(0);
  });

  test('any other request with a JSON-RPC error that says the same', async () => {
    await connect({ server: enforce });
    await expect(context.with(deep(32), () => linked.client.listTools())).rejects.toMatchObject({
      code: -32_010,
      message: expect.stringContaining('33 hops deep'),
      data: { reason: 'hops', hops: 33, maxHops: 32 },
    });
    expect(linked.inFlight()).toBe(0);
  });

  test('a client that enforces sends nothing, and its caller gets the same answers', async () => {
    await connect({ client: enforce });
    const result = await context.with(deep(32), () => sdk.call(linked.client, 'add'));
    expect(result.isError).toBe(true);
    expect(text(result)).toMatch(/^Refused: this chain of agents and tools is 32 hops deep, and its limit is 32/);
    await expect(context.with(deep(32), () => linked.client.listTools())).rejects.toMatchObject({
      code: -32_010,
      data: { reason: 'hops', hops: 32, maxHops: 32 },
    });
    expect(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).attributes['error.type']).toBe('throughline.hops');
    expect(await serverSpan('tools/call add')).toBeUndefined();
    expect(linked.inFlight()).toBe(0);
  });

  test('a loop that calls one tool is stopped by maxCalls at depth one', async () => {
    await connect({ client: { lineage: { mode: 'enforce', maxCalls: 3 } } });
    const results = await context.with(deep(1), async () => {
      const answers: boolean[] = [];
      for (let call = 0; call < 5; call++) answers.push((await sdk.call(linked.client, 'add')).isError === true);
      return answers;
    });
    expect(results).toEqual([false, false, false, true, true]);
  });

  test('its deadline cancels a call toward the server and fails it as a timeout does', async () => {
    await connect();
    // A server over stdio starts with its first request; a call that is cancelled by then is never seen there.
    await sdk.call(linked.client, 'add');
    const late = withDeadline(250, () => sdk.call(linked.client, 'hang'));
    await expect(late).rejects.toMatchObject({ code: -32_001, message: expect.stringContaining('Request timed out') });
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('throughline.deadline');
    await expect.poll(async () => (await serverSpan('tools/call hang'))?.attributes['error.type']).toBe('cancelled');
    expect(linked.inFlight()).toBe(0);
  });

  test('after its deadline nothing is sent', async () => {
    await connect();
    await withDeadline(0, async (signal) => {
      await expect.poll(() => signal.aborted).toBe(true);
      await expect(sdk.call(linked.client, 'add')).rejects.toThrow('Request timed out');
    });
    expect(await serverSpan('tools/call add')).toBeUndefined();
  });
});

describe.each([v1, v2()])('$name', (sdk) => {
  test('a log message of the deepest tool arrives, in a chain that can go no further', async () => {
    const linked = await link(sdk, 'memory', {
      client: enforce,
      server: enforce,
      tools: {
        slow: async ({ log }) => {
          await log('half way');
          return 'done';
        },
      },
    });
    const seen: unknown[] = [];
    sdk.onLog(linked.client, (data) => seen.push(data, currentLineage()?.hops));
    await context.with(deep(31), () => sdk.call(linked.client, 'slow'));
    expect(seen).toEqual(['half way', 33]);
    await linked.close();
  });

  test('a notification past the limit arrives, also where the receiver enforces', async () => {
    const tools = {
      slow: async ({ log }) => {
        await log('half way');
        return 'done';
      },
    } satisfies LinkOptions['tools'];
    const seen: unknown[] = [];
    for (const client of [{}, enforce]) {
      const linked = await link(sdk, 'memory', { client, tools });
      sdk.onLog(linked.client, (data) => seen.push(data));
      await context.with(deep(31), () => sdk.call(linked.client, 'slow'));
      await linked.close();
    }
    expect(seen).toEqual(['half way', 'half way']);
  });

  test('a refused call leaves the SDK’s own books empty: its caller may call on', async () => {
    const linked = await link(sdk, 'memory', { client: enforce, tools: { add: () => 'done' } });
    for (let call = 0; call < 3; call++) {
      await context.with(deep(32), () => sdk.call(linked.client, 'add'));
      await context.with(deep(32), () => linked.client.listTools()).catch(() => {});
    }
    expect(text(await sdk.call(linked.client, 'add'))).toBe('done');
    const books = (linked.client as unknown as { _responseHandlers: Map<unknown, unknown> })._responseHandlers;
    expect(books.size).toBe(0);
    await linked.close();
  });

  test('a raw transport that nobody listens to rejects a refused send with the refusal', async () => {
    const [near] = sdk.memory();
    const { traceTransport } = await import('../src/index.ts');
    const traced = traceTransport(near, enforce);
    const sent = context.with(deep(32), () =>
      traced.send({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} } as never),
    );
    await expect(sent).rejects.toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'hops' });
  });

  test('a handler that is traced by itself is not called past the limit', async () => {
    const calls: unknown[] = [];
    const server = sdk.server();
    const handler = traceToolHandler(
      async () => {
        calls.push(1);
        return { content: [] };
      },
      { name: 'add', lineage: { mode: 'enforce' } },
    );
    const register = (server as unknown as { registerTool(name: string, config: object, handler: unknown): void })
      .registerTool;
    register.call(server, 'add', { inputSchema: sdk.key === 'v1' ? {} : z.object({}) }, handler);
    const client = traceClient(sdk.client());
    const [near, far] = sdk.memory();
    await server.connect(far as never);
    await client.connect(near as never);
    const result = await context.with(deep(32), () => sdk.call(client, 'add'));
    expect(result.isError).toBe(true);
    expect(text(result)).toMatch(/^Refused/);
    expect(calls).toEqual([]);
    await client.close();
  });

  test('two agents that call each other over MCP stop at the limit', async () => {
    let turns = 0;
    const agent = async (name: string, other: () => Promise<Link>): Promise<Link> =>
      link(sdk, 'memory', {
        client: { agent: `${name}'s caller`, lineage: { mode: 'enforce', maxHops: 8 } },
        server: { agent: name, lineage: { mode: 'enforce', maxHops: 8 } },
        tools: {
          delegate: async () => {
            turns++;
            return text(await sdk.call((await other()).client, 'delegate'));
          },
        },
      });
    const planner: Promise<Link> = agent('planner', () => analyst);
    const analyst: Promise<Link> = agent('analyst', () => planner);
    expect(text(await sdk.call((await planner).client, 'delegate'))).toMatch(/^Refused: this chain .* 8 hops deep/);
    expect(turns).toBe(8);
    await (await planner).close();
    await (await analyst).close();
  });
});

test('a refusal that cannot be sent is told to onerror and breaks nothing', async () => {
  const server = traceServer(v1.server({}), enforce);
  const [near, far] = v1.memory();
  const failing = Object.assign(far, { send: () => Promise.reject(new Error('gone')) });
  const errors: unknown[] = [];
  await server.connect(failing as never);
  (failing as { onerror?: (error: unknown) => void }).onerror = (error) => errors.push(error);
  await near.start();
  const params = { _meta: { traceparent, baggage: 'throughline.lineage=1.33.32.1.-.-.-' } };
  await near.send({ jsonrpc: '2.0', id: 1, method: 'tools/list', params } as never);
  await expect.poll(() => errors).toEqual([new Error('gone')]);
});

import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { acceptedContent, createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { traceClient, traceServer } from '../src/index.ts';
import { operationOf } from '../src/operation.ts';
import { Rounds } from '../src/rounds.ts';
import { inFlightKey } from '../src/transport.ts';
import { serve } from './loopback.ts';
import type { Loopback } from './loopback.ts';
import { activeSpanId, inSpan, parentOf } from './spans.ts';

const confirmation = z.object({ confirm: z.boolean() });
let telemetry: Telemetry;
let served: Loopback;
let client: Client;
const elicited: unknown[] = [];

beforeEach(async () => {
  telemetry = startTelemetry();
  elicited.length = 0;
  const make = (): McpServer => {
    const server = new McpServer({ name: 'desk', version: '1.0.0' });
    const ask = inputRequired.elicit({ message: 'Really?', requestedSchema: confirmation });
    server.registerTool('deploy', { inputSchema: z.object({ env: z.string() }) }, ({ env }, ctx) => {
      if (acceptedContent(ctx.mcpReq.inputResponses, 'confirm', confirmation)?.confirm !== true)
        return inputRequired({ inputRequests: { confirm: ask } });
      return inSpan('work', async () => ({ content: [{ type: 'text' as const, text: `deployed to ${env}` }] }));
    });
    server.registerTool('hesitate', { inputSchema: z.object({}) }, (_, ctx) => {
      const round = Object.keys(ctx.mcpReq.inputResponses ?? {})[0];
      if (round === 'second') return { content: [{ type: 'text' as const, text: 'done' }] };
      return inputRequired({ inputRequests: { [round === 'first' ? 'second' : 'first']: ask } });
    });
    return traceServer(server);
  };
  const handle = toNodeHandler(createMcpHandler(make));
  served = await serve((request, response) => handle(request as never, response));
  client = traceClient(
    new Client(
      { name: 'agent', version: '1.0.0' },
      { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'auto' } },
    ),
  );
  client.setRequestHandler('elicitation/create', () => {
    elicited.push(activeSpanId());
    return { action: 'accept' as const, content: { confirm: true } };
  });
  await client.connect(new StreamableHTTPClientTransport(served.url));
  await telemetry.reset();
});
afterEach(async () => {
  const open = (client.transport as unknown as { [inFlightKey]: number })[inFlightKey];
  if (open !== 0) throw new Error(`${open} requests stay open`);
  await client.close();
  await served.close();
  await telemetry.shutdown();
});

const calls = (kind: SpanKind): ReadableSpan[] =>
  telemetry.spans().filter((span) => span.kind === kind && span.name.startsWith('tools/call'));

// InputRequiredResult.
const spec = 'https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr';

describe(`SDK v2, revision 2026-07-28: a request in several rounds, ${spec}#multi-round-trip-requests`, () => {
  test('each is a span of its own, all siblings under the caller, each linked to the one before', async () => {
    await inSpan('agent', () => client.callTool({ name: 'hesitate', arguments: {} }));
    const outer = telemetry.find('agent').spanContext();
    const rounds = calls(SpanKind.CLIENT);
    expect(rounds).toHaveLength(3);
    expect(rounds.map(parentOf)).toEqual([outer.spanId, outer.spanId, outer.spanId]);
    expect(rounds.map(({ links }) => links.map((link) => link.context.spanId))).toEqual([
      [],
      [rounds[0]?.spanContext().spanId],
      [rounds[1]?.spanContext().spanId],
    ]);
    for (const { status, attributes } of rounds) {
      expect(status.code).toBe(SpanStatusCode.UNSET);
      expect(attributes).not.toHaveProperty('error.type');
    }
    expect(calls(SpanKind.SERVER).map(parentOf)).toEqual(rounds.map((round) => round.spanContext().spanId));
  });

  test('what the client is asked for is answered in the context of the caller', async () => {
    await inSpan('agent', () => client.callTool({ name: 'deploy', arguments: { env: 'test' } }));
    expect(elicited).toEqual([telemetry.find('agent').spanContext().spanId]);
    expect(parentOf(telemetry.find('work'))).toBe(calls(SpanKind.SERVER)[1]?.spanContext().spanId);
  });

  test('calls at the same time are not linked to each other’s rounds', async () => {
    await inSpan('agent', () =>
      Promise.all([
        client.callTool({ name: 'deploy', arguments: { env: 'a' } }),
        client.callTool({ name: 'deploy', arguments: { env: 'b' } }),
        client.callTool({ name: 'hesitate', arguments: {} }),
      ]),
    );
    const byId = new Map(calls(SpanKind.CLIENT).map((span) => [span.spanContext().spanId, span]));
    expect(byId.size).toBe(7);
    for (const span of byId.values())
      for (const { context } of span.links) expect(byId.get(context.spanId)?.name).toBe(span.name);
  });
});

test('a round that a server makes as large as it likes is not kept', () => {
  const operation = operationOf('tools/call', { name: 'deploy' });
  const spanContext = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 };
  const linksAfter = (requestState: unknown, inputRequests: object): number | undefined => {
    const rounds = new Rounds();
    rounds.keep(ROOT_CONTEXT, operation, { resultType: 'input_required', requestState, inputRequests }, spanContext);
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, {}]));
    return rounds.links(ROOT_CONTEXT, operation, { requestState, inputResponses })?.length;
  };
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [String(at), {}]));
  expect(linksAfter('s'.repeat(8192), { ['k'.repeat(128)]: {} })).toBe(1);
  expect(linksAfter('s'.repeat(8193), {})).toBeUndefined();
  expect(linksAfter({ large: 'object' }, {})).toBeUndefined();
  expect(linksAfter('s', { ['k'.repeat(129)]: {} })).toBeUndefined();
  expect(linksAfter('s', many)).toBeUndefined();
});

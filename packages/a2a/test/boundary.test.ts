import { context, DiagLogLevel, diag, propagation, SpanKind, trace } from '@opentelemetry/api';
import { TaskState } from '@a2a-js/sdk';
import { DefaultExecutionEventBus, RequestContext, ServerCallContext } from '@a2a-js/sdk/server';
import { publicEdge, thirdPartyTools } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { traceA2aClient, traceExecutor, tracePushSender } from '../src/index.ts';
import { answerOf, asking, clientOf, publishStatus, Researcher, startAgent } from './agent.ts';
import type { Agent, AgentOptions, Binding, Work } from './agent.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

async function open(work: Work, options?: HopOptions, more: Partial<AgentOptions> = {}): Promise<Agent> {
  const agent = await startAgent({ executor: traceExecutor(new Researcher(work), options), ...more });
  cleanups.push(() => agent.close());
  return agent;
}

const served = (): ReadableSpan[] =>
  telemetry.spans().filter(({ name, kind }) => name.startsWith('Send') && kind === SpanKind.SERVER);

const inTurn = <T>(work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('turn', async (turn) => {
    const within = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'blue' } }));
    const result = await context.with(within, work);
    turn.end();
    return result;
  });

test('a task that waits for input is one chain with what goes on with it', async () => {
  const work: Work = (question, request, bus) =>
    request.task === undefined
      ? publishStatus(request, bus, TaskState.TASK_STATE_INPUT_REQUIRED, 'which one?')
      : `found ${question}`;
  const client = traceA2aClient(await clientOf(await open(work), 'JSONRPC'));
  const waiting = (await inTurn(() => client.sendMessage(asking('first')))) as {
    id: string;
    contextId: string;
    metadata: object;
  };
  expect(telemetry.spans().find(({ name }) => name === 'SendMessage')?.attributes['a2a.task.state']).toBe(
    'TASK_STATE_INPUT_REQUIRED',
  );
  const { id: taskId, contextId } = waiting;
  const done = await inTurn(() => client.sendMessage(asking('second', { taskId, contextId })));
  expect(answerOf(done)).toBe('found second');
  const [first, second] = served();
  expect(second?.spanContext().traceId).not.toBe(first?.spanContext().traceId);
  expect(second?.links.map((link) => link.context.spanId)).toEqual([first?.spanContext().spanId]);
  // The ids of a span, and nothing of the chain of agents.
  expect(Object.values(waiting.metadata)).toEqual([
    expect.stringMatching(/^tl1~\w+~00-[\da-f]{32}-[\da-f]{16}-0\d~-~-$/),
  ]);
});

test.each(['', 'x'.repeat(2000), 7, null, 'tl1~1~nonsense~-~-'])(
  'a damaged handle links nothing: %j',
  async (handle) => {
    const request = new RequestContext(
      asking('q'),
      'task',
      'context',
      new ServerCallContext({ state: new Map([['headers', {}]]) }),
      { id: 'task', contextId: 'context', metadata: { 'throughline.handle': handle } } as never,
    );
    await traceExecutor(new Researcher(() => 'done')).execute(request, new DefaultExecutionEventBus());
    expect(served()[0]?.links).toEqual([]);
  },
);

test.each<[Binding, boolean]>([
  ['JSONRPC', false],
  ['JSONRPC', true],
  ['HTTP+JSON', false],
  ['GRPC', true],
])('a request past a limit is a failed task that says why: %s, stream: %s', async (binding, streams) => {
  const work = vi.fn<Work>(() => 'done');
  const agent = await open(work, { lineage: { mode: 'enforce', maxHops: 1 } });
  const client = traceA2aClient(await clientOf(agent, binding), { agent: 'planner' });
  await trace.getTracer('test').startActiveSpan('turn', async (turn) => {
    const deep = propagation.createBaggage({ 'throughline.lineage': { value: '1.5.32.1.-.-.-' } });
    await context.with(propagation.setBaggage(context.active(), deep), async () => {
      let answer: unknown;
      if (!streams) answer = await client.sendMessage(asking('q'));
      else for await (const { payload } of client.sendMessageStream(asking('q'))) answer = payload?.value;
      expect(answerOf(answer)).toMatch(/^Refused: .* Do not try again/);
      expect(answer).toMatchObject({ status: { state: TaskState.TASK_STATE_FAILED } });
    });
    turn.end();
  });
  expect(work).not.toHaveBeenCalled();
  expect(served()[0]?.attributes['error.type']).toBe('throughline.hops');
});

test('an agent of somebody else gets no baggage, with its preset no baggage field at all', async () => {
  const headers: Record<string, unknown>[] = [];
  const before: AgentOptions['before'] = [(request, _, next) => (headers.push(request.headers), next())];
  const agent = await open(() => 'done', {}, { before });
  const send = async (options: HopOptions, fetchImpl?: typeof fetch): Promise<Record<string, unknown> | undefined> => {
    const client = traceA2aClient(await clientOf(agent, 'JSONRPC', fetchImpl), options);
    await inTurn(() => client.sendMessage(asking('q')));
    return headers.at(-1);
  };
  expect((await send({}))?.['baggage']).toContain('tenant=blue');
  expect((await send({ firstParty: false }))?.['baggage'] ?? '').not.toContain('tenant');
  const theirs = await send(thirdPartyTools());
  expect([theirs?.['traceparent'], theirs?.['baggage']]).toEqual([expect.any(String), undefined]);
  const fetched = await send(thirdPartyTools(), traceFetch(undefined, thirdPartyTools()));
  expect([fetched?.['traceparent'], fetched?.['baggage']]).toEqual([expect.any(String), undefined]);
  expect((await send({ outbound: 'suppress' }))?.['traceparent']).toBeUndefined();
});

test('at a public edge a stranger gets a trace of its own, linked', async () => {
  const agent = await open(() => 'done', publicEdge());
  await inTurn(async () => traceA2aClient(await clientOf(agent, 'JSONRPC')).sendMessage(asking('q')));
  const [span] = served();
  const client = telemetry.spans().find(({ kind }) => kind === SpanKind.CLIENT);
  expect(span?.spanContext().traceId).not.toBe(client?.spanContext().traceId);
  expect(span?.links[0]?.context.spanId).toBe(client?.spanContext().spanId);
});

test.each([true, false])(
  'a stranger learns no id of that trace, not even of a task that waits; HTTP edge: %s',
  async (http) => {
    const work: Work = (_, request, bus) =>
      publishStatus(request, bus, TaskState.TASK_STATE_INPUT_REQUIRED, 'which one?');
    const agent = await open(work, http ? {} : publicEdge(), http ? { before: [traceContext(publicEdge())] } : {});
    const waiting = await (await clientOf(agent, 'JSONRPC')).sendMessage(asking('q'));
    expect(waiting).toMatchObject({ status: { state: TaskState.TASK_STATE_INPUT_REQUIRED } });
    expect(JSON.stringify(waiting)).not.toContain(served()[0]?.spanContext().traceId);
  },
);

test('ids from outside are bounded and printable on a span', async () => {
  const call = new ServerCallContext({ state: new Map([['headers', {}]]) });
  const request = new RequestContext(asking('q', { messageId: 'a\nb' }), 't'.repeat(500), 'c\u001b[31m', call);
  await traceExecutor(new Researcher(() => 'done')).execute(request, new DefaultExecutionEventBus());
  const { attributes } = served()[0] as ReadableSpan;
  expect(attributes['a2a.task.id']).toBeUndefined();
  for (const name of ['a2a.message.id', 'gen_ai.conversation.id']) {
    // oxlint-disable-next-line no-control-regex -- that none is there
    expect(attributes[name]).not.toMatch(/[\u0000-\u001f]/);
  }
});

test('behind an edge that restarts, the agent does not continue what the edge kept out', async () => {
  const agent = await open(() => 'done', {}, { before: [traceContext(publicEdge())] });
  await inTurn(async () => traceA2aClient(await clientOf(agent, 'JSONRPC')).sendMessage(asking('q')));
  expect(served()[0]?.spanContext().traceId).not.toBe(telemetry.find('turn').spanContext().traceId);
});

test('the card of an agent is as it was', async () => {
  const agent = await open(() => 'done');
  const bare = await clientOf(agent, 'JSONRPC');
  const card = structuredClone(agent.card);
  const client = traceA2aClient(bare);
  expect(await client.getAgentCard()).toBe(await bare.getAgentCard());
  await client.sendMessage(asking('q'));
  expect(agent.card).toEqual(card);
});

test('what is not of the SDK is told at once', () => {
  expect(() => traceA2aClient({} as never)).toThrow(/`traceA2aClient` takes a `Client` .* no `sendMessage`/);
  expect(() => traceExecutor({ execute: async () => {} } as never)).toThrow(/no `cancelTask`/);
  expect(() => tracePushSender({} as never)).toThrow(/no `send`/);
  expect(() => traceA2aClient({} as never, { agnet: 'x' } as never)).toThrow();
});

test('a client whose address does not show, and a request without its headers, are told once', async () => {
  const warn = vi.fn<(message: string) => void>();
  const none = (): void => {};
  diag.setLogger({ warn, error: none, info: none, debug: none, verbose: none }, DiagLogLevel.WARN);
  cleanups.push(() => diag.disable());
  for (let at = 0; at < 2; at++) {
    traceA2aClient({ sendMessage: async () => {}, sendMessageStream: async function* () {} });
    const request = new RequestContext(asking('q'), 'task', 'context', new ServerCallContext());
    await traceExecutor(new Researcher(() => 'done')).execute(request, new DefaultExecutionEventBus());
  }
  const told = warn.mock.calls.map(([line]) => line);
  expect(told.filter((line) => line.includes('address of an A2A client does not show'))).toHaveLength(1);
  expect(told.filter((line) => line.includes('came without its headers'))).toHaveLength(1);
});

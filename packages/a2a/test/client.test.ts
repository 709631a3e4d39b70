import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { TaskState } from '@a2a-js/sdk';
import type { StreamResponse } from '@a2a-js/sdk';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceA2aClient, traceExecutor } from '../src/index.ts';
import { answerOf, asking, clientOf, publishStatus, Researcher, startAgent } from './agent.ts';
import type { Agent, Binding, Work } from './agent.ts';

let telemetry: Telemetry;
const agents: Agent[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  await telemetry.shutdown();
});

const tracer = () => trace.getTracer('test');
const ofAgent: Work = (question) =>
  tracer().startActiveSpan('work', async (span) => {
    // Other requests come in between.
    await new Promise((resolve) => setImmediate(resolve));
    span.end();
    return `found ${question} in ${span.spanContext().traceId}`;
  });

interface Opening {
  readonly work?: Work;
  readonly http?: boolean;
}

async function open({ work = ofAgent, http = true }: Opening = {}): Promise<Agent> {
  const executor = traceExecutor(new Researcher(work), { agent: 'researcher' });
  const agent = await startAgent({ executor, before: http ? [traceContext({ agent: 'researcher' })] : [] });
  agents.push(agent);
  return agent;
}

async function inSpan<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return tracer().startActiveSpan(name, async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}

const named = (name: string, kind: SpanKind): ReadableSpan[] =>
  telemetry.spans().filter((span) => span.name === name && span.kind === kind);

function idOf({ value }: IteratorResult<StreamResponse, void>): string {
  return value?.payload?.$case === 'task' ? value.payload.value.id : '';
}

/** One of each of a call: turn ← CLIENT ← (the HTTP request of a traced server) ← SERVER ← work. */
function expectChain(traceId: string, method: string, http: boolean, served = method): void {
  const spans = telemetry.spans().filter((span) => span.spanContext().traceId === traceId);
  const one = (name: string, kind: SpanKind): ReadableSpan => {
    const found = spans.filter((span) => span.name === name && span.kind === kind);
    expect(found, `${name} in ${spans.map((span) => span.name).join(', ')}`).toHaveLength(1);
    return found[0] as ReadableSpan;
  };
  const client = one(method, SpanKind.CLIENT);
  const server = one(served, SpanKind.SERVER);
  expect(client.parentSpanContext?.spanId).toBe(one('turn', SpanKind.INTERNAL).spanContext().spanId);
  expect(one('work', SpanKind.INTERNAL).parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  const above = spans.find((span) => span.spanContext().spanId === server.parentSpanContext?.spanId);
  expect(above?.kind).toBe(http ? SpanKind.SERVER : SpanKind.CLIENT);
  let at: ReadableSpan | undefined = server;
  while (at !== undefined && at !== client) {
    const parent: string | undefined = at.parentSpanContext?.spanId;
    at = spans.find((span) => span.spanContext().spanId === parent);
  }
  expect(at).toBe(client);
}

describe.each<Binding>(['JSONRPC', 'HTTP+JSON', 'GRPC'])('over %s', (binding) => {
  test.each([true, false])(
    'twenty questions at once are twenty traces, with a traced HTTP server: %s',
    async (http) => {
      const client = traceA2aClient(await clientOf(await open({ http }), binding), { agent: 'planner' });
      const traceIds = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          inSpan('turn', async (turn) => {
            const { traceId } = turn.spanContext();
            expect(answerOf(await client.sendMessage(asking(`q${at}`)))).toBe(`found q${at} in ${traceId}`);
            return traceId;
          }),
        ),
      );
      for (const traceId of traceIds) expectChain(traceId, 'SendMessage', http && binding !== 'GRPC');
      expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(20);
    },
  );

  test('twenty streams that are read outside of their requests are twenty traces', async () => {
    const outside = AsyncLocalStorage.snapshot();
    const client = traceA2aClient(await clientOf(await open(), binding));
    const traceIds = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const { stream, traceId } = await inSpan('turn', async (turn) => ({
          stream: client.sendMessageStream(asking(`q${at}`)),
          traceId: turn.spanContext().traceId,
        }));
        const last = await outside(async () => {
          let item: unknown;
          for await (const { payload } of stream) item = payload?.value;
          return item;
        });
        expect(answerOf(last)).toBe(`found q${at} in ${traceId}`);
        return traceId;
      }),
    );
    // gRPC does not tell a server of the SDK that it is asked for a stream.
    const isGrpc = binding === 'GRPC';
    for (const traceId of traceIds) {
      expectChain(traceId, 'SendStreamingMessage', !isGrpc, isGrpc ? 'SendMessage' : 'SendStreamingMessage');
    }
    expect(named('SendStreamingMessage', SpanKind.CLIENT)).toHaveLength(20);
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(20);
  });

  test('a span says what was called, whom, and what became of the task', async () => {
    const agent = await open();
    const client = traceA2aClient(await clientOf(agent, binding));
    const task = (await client.sendMessage(asking('q'))) as { id: string; contextId: string };
    const ids = { 'a2a.task.id': task.id, 'gen_ai.conversation.id': task.contextId };
    const state = { 'a2a.task.state': 'TASK_STATE_COMPLETED' };
    const protocol = { 'a2a.method.name': 'SendMessage', 'a2a.protocol.version': '1.0' };
    const used = agent.card.supportedInterfaces.find(({ protocolBinding }) => protocolBinding === binding);
    expect(named('SendMessage', SpanKind.CLIENT)[0]?.attributes).toMatchObject({
      ...ids,
      ...state,
      ...protocol,
      'a2a.protocol.binding': binding,
      'server.address': '127.0.0.1',
      'server.port': Number(/:(\d+)/.exec(used?.url.replace('http://', '') ?? '')?.[1]),
    });
    expect(named('SendMessage', SpanKind.SERVER)[0]?.attributes).toMatchObject({ ...ids, ...state, ...protocol });
  });

  test('other methods have a span each, and an error its class', async () => {
    const client = traceA2aClient(await clientOf(await open(), binding));
    const { id } = (await client.sendMessage(asking('q'))) as { id: string };
    await client.getTask({ tenant: '', id });
    await client.listTasks({ tenant: '', contextId: '', status: 3, pageToken: '', statusTimestampAfter: undefined });
    await expect(client.getTask({ tenant: '', id: 'none' })).rejects.toThrow(/not found/i);
    const [found, missing] = named('GetTask', SpanKind.CLIENT);
    expect(found?.attributes).toMatchObject({ 'a2a.task.id': id, 'a2a.task.state': 'TASK_STATE_COMPLETED' });
    expect(missing?.attributes).toMatchObject({ 'a2a.task.id': 'none', 'error.type': 'TaskNotFoundError' });
    expect(named('ListTasks', SpanKind.CLIENT)).toHaveLength(1);
  });

  test('cancelling links the work that is cancelled', async () => {
    let cancel = (): void => {};
    const executor = new Researcher(() => new Promise((resolve) => (cancel = () => resolve(undefined))));
    executor.cancelled.push(() => cancel());
    const agent = await startAgent({ executor: traceExecutor(executor), before: [traceContext()] });
    agents.push(agent);
    const client = traceA2aClient(await clientOf(agent, binding));
    const stream = client.sendMessageStream(asking('q'));
    const first = await stream.next();
    const id = idOf(first);
    expect((await client.cancelTask({ tenant: '', id, metadata: undefined })).status?.state).toBe(
      TaskState.TASK_STATE_CANCELED,
    );
    let state: unknown;
    for await (const { payload } of stream) if (payload?.$case === 'statusUpdate') state = payload.value.status?.state;
    expect(state).toBe(TaskState.TASK_STATE_CANCELED);
    const [working] = telemetry.spans().filter(({ name, kind }) => name.startsWith('Send') && kind === SpanKind.SERVER);
    expect(named('CancelTask', SpanKind.SERVER)[0]?.links[0]?.context.spanId).toBe(working?.spanContext().spanId);
    expect(named('SendStreamingMessage', SpanKind.CLIENT)[0]?.attributes['a2a.task.state']).toBe('TASK_STATE_CANCELED');
  });
});

describe.each<Binding>(['JSONRPC', 'HTTP+JSON', 'GRPC'])('over %s', (binding) => {
  const giveUp = async (name: string, abort: (begun: Promise<void>) => AbortSignal): Promise<ReadableSpan> => {
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let finish = (): void => {};
    const work: Work = () => {
      if (name === 'SendMessage') begin();
      return new Promise((resolve) => (finish = () => resolve('done')));
    };
    const client = traceA2aClient(await clientOf(await open({ work }), binding));
    const signal = abort(begun);
    const asked =
      name === 'SendMessage'
        ? client.sendMessage(asking('q'), { signal })
        : (async () => {
            for await (const _ of client.sendMessageStream(asking('q'), { signal })) begin();
          })();
    await expect(asked).rejects.toThrow();
    finish();
    return named(name, SpanKind.CLIENT)[0] as ReadableSpan;
  };

  test.each(['SendMessage', 'SendStreamingMessage'])('%s that its caller aborts is no error', async (name) => {
    const span = await giveUp(name, (begun) => {
      const controller = new AbortController();
      void begun.then(() => controller.abort());
      return controller.signal;
    });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes['error.type']).toBeUndefined();
    expect(span.attributes['throughline.aborted']).toBe(true);
    if (name === 'SendStreamingMessage') expect(span.attributes['a2a.task.state']).toBe('TASK_STATE_WORKING');
  });

  test.each(['SendMessage', 'SendStreamingMessage'])('%s that takes too long is an error', async (name) => {
    const span = await giveUp(name, () => AbortSignal.timeout(50));
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes['throughline.aborted']).toBeUndefined();
  });
});

test('a reader that has enough ends the span, and it is no error', async () => {
  const client = traceA2aClient(await clientOf(await open(), 'JSONRPC'));
  // oxlint-disable-next-line no-unreachable-loop -- it has enough
  for await (const _ of client.sendMessageStream(asking('q'))) break;
  expect(named('SendStreamingMessage', SpanKind.CLIENT)[0]?.status.code).toBe(0);
});

test('a stream that nobody reads sends nothing and has no span', async () => {
  const client = traceA2aClient(await clientOf(await open(), 'JSONRPC'));
  await client.sendMessageStream(asking('q')).return();
  expect(telemetry.spans()).toEqual([]);
});

test('another subscriber of a task has a span of its own', async () => {
  let finish = (): void => {};
  const agent = await open({ work: () => new Promise((resolve) => (finish = () => resolve('done'))) });
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC'));
  const stream = client.sendMessageStream(asking('q'));
  const id = idOf(await stream.next());
  const again = client.resubscribeTask({ tenant: '', id });
  await again.next();
  finish();
  for await (const _ of again);
  for await (const _ of stream);
  expect(named('SubscribeToTask', SpanKind.CLIENT)[0]?.attributes).toMatchObject({
    'a2a.task.id': id,
    'a2a.task.state': 'TASK_STATE_COMPLETED',
  });
});

test('a fetch that is traced has its span below, and the wire one of each header', async () => {
  const seen: string[][] = [];
  const agent = await startAgent({
    executor: traceExecutor(new Researcher(ofAgent)),
    before: [
      (request, _, next) => (seen.push(request.rawHeaders.map((one) => one.toLowerCase())), next()),
      traceContext(),
    ],
  });
  agents.push(agent);
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC', traceFetch()));
  await inSpan('turn', () => client.sendMessage(asking('q')));
  const [call] = named('SendMessage', SpanKind.CLIENT);
  const [post] = named('POST', SpanKind.CLIENT);
  expect(post?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
  expect(seen[0]?.filter((name) => name === 'traceparent')).toHaveLength(1);
  expect(seen[0]?.join(' ')).toContain(post?.spanContext().spanId);
  expectChain(call?.spanContext().traceId as string, 'SendMessage', true);
});

test('the requests of a stream by a traced fetch are below the call', async () => {
  const client = traceA2aClient(await clientOf(await open(), 'JSONRPC', traceFetch()));
  await inSpan('turn', async () => {
    for await (const _ of client.sendMessageStream(asking('q')));
  });
  const [call] = named('SendStreamingMessage', SpanKind.CLIENT);
  expect(named('POST', SpanKind.CLIENT)[0]?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
});

test('work that nobody waits for has its span until it is done', async () => {
  let finish = (): void => {};
  const agent = await open({ work: () => new Promise((resolve) => (finish = () => resolve('done'))) });
  const client = traceA2aClient(await clientOf(agent, 'JSONRPC'));
  const configuration = { acceptedOutputModes: [], returnImmediately: true };
  await client.sendMessage(asking('q', {}, { configuration }));
  expect(named('SendMessage', SpanKind.CLIENT)[0]?.attributes['a2a.task.state']).toBe('TASK_STATE_WORKING');
  expect(named('SendMessage', SpanKind.SERVER)).toEqual([]);
  finish();
  const [served] = await vi.waitFor(
    () => {
      expect(named('SendMessage', SpanKind.SERVER)).toHaveLength(1);
      return named('SendMessage', SpanKind.SERVER);
    },
    { timeout: 20_000 },
  );
  expect(served?.attributes['a2a.task.state']).toBe('TASK_STATE_COMPLETED');
});

test('a task that failed is a failure on both ends', async () => {
  const agent = await open({
    work: (_, request, bus) => publishStatus(request, bus, TaskState.TASK_STATE_FAILED, 'no'),
  });
  await traceA2aClient(await clientOf(agent, 'JSONRPC')).sendMessage(asking('q'));
  for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
    expect(named('SendMessage', kind)[0]?.attributes['error.type']).toBe('TASK_STATE_FAILED');
  }
});

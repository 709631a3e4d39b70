import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { currentLineage, withBudget } from '@throughline/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callModel, runAgent } from '../src/index.ts';
import type { AgentOptions, EventRecord, ModelCall } from '../src/index.ts';

let telemetry: Telemetry;
let server: Server;
let url: string;
/** What the next requests are answered with; the last one stays. */
let answers: ((request: IncomingMessage, response: ServerResponse) => void)[];

beforeAll(async () => {
  telemetry = startTelemetry();
  server = createServer((request, response) => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`;
});
beforeEach(() => (answers = []));
afterEach(() => telemetry.reset());
afterAll(async () => {
  server.close();
  await telemetry.shutdown();
});

const names = ({ events }: ReadableSpan): string[] => events.map(({ name }) => name.replace('throughline.model.', ''));
const chunk = (content: string, more: object = {}): object => ({
  id: 'c-1',
  object: 'chat.completion.chunk',
  model: 'gpt-9-2026',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  ...more,
});
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(code, headers).end('{}');
  };
const json =
  (body: object, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

/** A generator whose chunks come when they are let go. */
function gated(chunks: readonly unknown[]): { stream: AsyncGenerator; let: () => void } {
  const opened: (() => void)[] = [];
  const gates = chunks.map(() => new Promise<void>((resolve) => opened.push(resolve)));
  async function* stream(): AsyncGenerator {
    for (const [at, value] of chunks.entries()) {
      await gates[at];
      yield value;
    }
  }
  return { stream: stream(), let: () => opened.shift()?.() };
}

describe('a model call', () => {
  it('is a CLIENT span that says what is asked, what answered, and what it took', async () => {
    const usage = {
      prompt_tokens: 120,
      completion_tokens: 30,
      prompt_tokens_details: { cached_tokens: 100 },
      completion_tokens_details: { reasoning_tokens: 8 },
    };
    const choices = [{ message: { content: 'hello' }, finish_reason: 'stop' }];
    answers = [
      json({ id: 'c-1', model: 'gpt-9-2026', system_fingerprint: 'fp-1', service_tier: 'default', choices, usage }),
    ];
    const request = {
      model: 'gpt-9',
      provider: 'openai',
      maxTokens: 99,
      temperature: 0.5,
      serverAddress: '127.0.0.1',
      serverPort: 80,
    };
    await callModel(request, async ({ fetch }) => (await fetch(url)).json());
    const span = telemetry.find('chat gpt-9');
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-9',
      'gen_ai.request.max_tokens': 99,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.response.model': 'gpt-9-2026',
      'gen_ai.response.id': 'c-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 120,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.cache_read.input_tokens': 100,
      'gen_ai.usage.reasoning.output_tokens': 8,
      'openai.response.system_fingerprint': 'fp-1',
      'openai.response.service_tier': 'default',
      'server.address': '127.0.0.1',
      'server.port': 80,
      'throughline.model.attempts': 1,
    });
    expect(names(span)).toEqual(['request_sent', 'headers']);
  });

  it('tells the phases of a stream apart', async () => {
    const { stream, let: go } = gated([
      { ...chunk(''), choices: [{ delta: { role: 'assistant', content: '' } }] },
      chunk('a'),
      chunk('b', { choices: [{ delta: { content: 'b' }, finish_reason: 'stop' }] }),
    ]);
    answers = [json({})];
    const read = await callModel({ model: 'gpt-9', stream: true }, async ({ fetch }) => {
      await fetch(url);
      return stream;
    });
    for (let n = 0; n < 3; n++) {
      const next = read.next();
      go();
      await next;
    }
    await read.next();
    const { attributes, ...span } = telemetry.find('chat gpt-9');
    expect(names(span as ReadableSpan)).toEqual(['request_sent', 'headers', 'first_chunk', 'first_token']);
    expect(attributes).toMatchObject({
      'gen_ai.request.stream': true,
      'gen_ai.response.finish_reasons': ['stop'],
      'throughline.model.chunks': 3,
    });
    const [toChunk, toToken, generation] = [
      attributes['gen_ai.response.time_to_first_chunk'],
      attributes['throughline.model.time_to_first_token'],
      attributes['throughline.model.generation.time'],
    ] as number[];
    expect(toChunk).toBeGreaterThan(0);
    expect(toToken).toBeGreaterThan(0);
    expect(generation).toBeGreaterThanOrEqual(0);
  });

  it('tells where the model stalls, and not where its reader does', async () => {
    const options: AgentOptions = { stallMs: 30 };
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    async function* stream(stalls: boolean): AsyncGenerator {
      yield chunk('a');
      yield chunk('b');
      if (stalls) await pause(60);
      yield chunk('c');
    }
    for await (const _ of callModel({ model: 'stalling' }, options, () => stream(true)));
    for await (const _ of callModel({ model: 'read slowly' }, options, () => stream(false))) await pause(60);
    const [stalling, slow] = [telemetry.find('chat stalling'), telemetry.find('chat read slowly')];
    expect(names(stalling)).toEqual(['first_chunk', 'first_token', 'stall']);
    expect(stalling.attributes).toMatchObject({
      'throughline.model.stalls': 1,
      'throughline.model.slowest_phase': 'stalls',
    });
    expect(names(slow)).toEqual(['first_chunk', 'first_token']);
    expect(slow.attributes['throughline.model.slowest_phase']).toBe('reader');
    expect(slow.attributes['throughline.model.reader.time']).toBeGreaterThan(0.1);
  });

  it('counts the attempts of a client that tries again, and tells their waiting from the model’s time', async () => {
    answers = [status(429, { 'retry-after': '0.05' }), status(503), json({ choices: [] })];
    await runAgent('planner', () =>
      callModel({ model: 'gpt-9' }, async ({ fetch }) => {
        for (;;) {
          const response = await fetch(url);
          if (response.ok) return (await response.json()) as object;
          await new Promise((resolve) => setTimeout(resolve, 40));
        }
      }),
    );
    const span = telemetry.find('chat gpt-9');
    const { attributes } = span;
    expect(names(span)).toEqual([
      'request_sent',
      'attempt_failed',
      'request_sent',
      'attempt_failed',
      'request_sent',
      'headers',
    ]);
    expect(span.events.filter(({ name }) => name.endsWith('failed')).map((event) => event.attributes)).toMatchObject([
      { 'throughline.attempt.number': 1, 'http.response.status_code': 429, 'throughline.attempt.retry_after': 0.05 },
      { 'throughline.attempt.number': 2, 'http.response.status_code': 503 },
    ]);
    expect(attributes).toMatchObject({ 'throughline.model.attempts': 3, 'throughline.model.slowest_phase': 'retries' });
    expect(attributes['throughline.model.retry.wait']).toBeGreaterThanOrEqual(0.078);
    expect(attributes['throughline.model.retry.time']).toBeGreaterThanOrEqual(
      attributes['throughline.model.retry.wait'] as number,
    );
    const turn = telemetry.find('invoke_agent planner').attributes;
    expect(turn).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.model_calls': 1,
      'throughline.turn.attempts': 3,
    });
    expect(turn['throughline.turn.wasted.time']).toBe(attributes['throughline.model.retry.time']);
  });

  it('is an attempt where the client has no fetch', async () => {
    let n = 0;
    const ask = async (): Promise<object> => {
      if (++n < 2) throw Object.assign(new Error('busy'), { status: 529 });
      return { choices: [] };
    };
    await callModel({ model: 'm' }, async ({ attempt }: ModelCall) => {
      await attempt(ask).catch(() => {});
      return attempt(ask);
    });
    const span = telemetry.find('chat m');
    expect(span.attributes['throughline.model.attempts']).toBe(2);
    expect(span.events[1]?.attributes).toMatchObject({ 'error.type': '529', 'throughline.attempt.number': 1 });
  });

  it('has what the provider says of itself', async () => {
    const headers = {
      'x-request-id': 'req-1',
      'openai-processing-ms': '250',
      'x-queue-time-ms': '1500',
      'x-ms-region': 'Sweden Central',
      'x-ratelimit-remaining-requests': '7',
      'x-ratelimit-remaining-tokens': '999',
    };
    answers = [json({ choices: [] }, headers)];
    await callModel({ model: 'm' }, async ({ fetch }) => (await fetch(url)).json());
    expect(telemetry.find('chat m').attributes).toMatchObject({
      'throughline.model.request_id': 'req-1',
      'throughline.model.processing.time': 0.25,
      'throughline.model.queue.time': 1.5,
      'throughline.model.region': 'Sweden Central',
      'throughline.model.rate_limit.requests_left': 7,
      'throughline.model.rate_limit.tokens_left': 999,
      'throughline.model.slowest_phase': 'queue',
    });
  });

  it('tells of another model, region or configuration that serves the same request', async () => {
    const options: AgentOptions = {};
    const served = (model: string, fingerprint: string): object => ({
      model,
      system_fingerprint: fingerprint,
      choices: [],
    });
    answers = [
      json(served('gpt-9-a', 'fp-1'), { 'x-ms-region': 'Sweden Central' }),
      json(served('gpt-9-a', 'fp-1'), { 'x-ms-region': 'Sweden Central' }),
      json(served('gpt-9-b', 'fp-2'), { 'x-ms-region': 'East US' }),
    ];
    const ask = (): Promise<unknown> =>
      callModel({ model: 'gpt-routed', provider: 'openai' }, options, async ({ fetch }) => (await fetch(url)).json());
    await ask();
    await ask();
    await ask();
    const changes = telemetry
      .spans()
      .map(({ events }) =>
        events
          .filter(({ name }) => name.endsWith('routing_changed'))
          .map(({ attributes }) => Object.values(attributes ?? {})),
      );
    expect(changes).toEqual([
      [],
      [],
      [
        ['model', 'gpt-9-a', 'gpt-9-b'],
        ['region', 'Sweden Central', 'East US'],
        ['fingerprint', 'fp-1', 'fp-2'],
      ],
    ]);
  });

  it.each([
    [{ choices: [{ message: { content: 'half a' }, finish_reason: 'length' }] }, 'answer_cut_off'],
    [{ type: 'message', content: [{ type: 'text', text: 'x' }], stop_reason: 'max_tokens' }, 'answer_cut_off'],
    [
      { object: 'response', status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      'answer_cut_off',
    ],
    [{ choices: [{ message: { content: null }, finish_reason: 'content_filter' }] }, 'answer_filtered'],
    [{ choices: [{ message: { content: '' }, finish_reason: 'stop' }] }, 'empty_answer'],
    [{ choices: [{ message: { content: null, tool_calls: [{}] }, finish_reason: 'tool_calls' }] }, undefined],
    [{ choices: [{ message: { content: 'well' }, finish_reason: 'stop' }] }, undefined],
    [{ anything: 'else' }, undefined],
  ])('signals of %j: %s', (answer, kind) => {
    runAgent('planner', () => callModel({ model: 'm' }, () => answer));
    expect(telemetry.find('invoke_agent planner').attributes['throughline.signals']).toEqual(kind && [kind]);
  });

  it('fails by the same object, whose text may quote the prompt and stays off spans', async () => {
    const error = Object.assign(new Error('cannot answer: my secret prompt'), { status: 400 });
    const call = runAgent('planner', () =>
      callModel({ model: 'm', messages: ['my secret prompt'] }, () => Promise.reject(error)),
    );
    await expect(call).rejects.toBe(error);
    const span = telemetry.find('chat m');
    expect(span.attributes['error.type']).toBe('400');
    expect(span.attributes['throughline.input.digest']).toMatch(/^[0-9a-f]{16}$/);
    expect(telemetry.find('invoke_agent planner').attributes).toMatchObject({
      'throughline.turn.outcome': 'failed',
      'error.type': '400',
    });
    const all = telemetry.spans().map(({ attributes, events, status: { message } }) => [attributes, events, message]);
    expect(JSON.stringify(all)).not.toContain('secret');
  });

  it('is no failure where its caller aborts it', async () => {
    answers = [() => {}];
    const controller = new AbortController();
    const call = callModel({ model: 'm' }, ({ fetch }) => fetch(url, { signal: controller.signal }));
    controller.abort();
    await expect(call).rejects.toThrow('aborted');
    const { attributes, status: outcome } = telemetry.find('chat m');
    expect([outcome.code, attributes['throughline.stream.ended']]).toEqual([0, 'aborted']);
  });

  it('records prompts and answers on request alone', async () => {
    const answer = { choices: [{ message: { content: 'forty-two' }, finish_reason: 'stop' }] };
    callModel({ model: 'off', messages: ['what is it?'] }, () => answer);
    const content = { prompts: true, answers: true };
    callModel({ model: 'on', messages: ['what is it?'], instructions: 'be short' }, { content }, () => answer);
    async function* stream(): AsyncGenerator {
      yield chunk('forty');
      yield chunk('-two');
    }
    for await (const _ of callModel({ model: 'streamed' }, { content }, () => stream()));
    expect(JSON.stringify(telemetry.find('chat off').attributes)).not.toMatch(/forty|what is/);
    expect(telemetry.find('chat on').attributes).toMatchObject({
      'gen_ai.input.messages': '["what is it?"]',
      'gen_ai.system_instructions': 'be short',
      'gen_ai.output.messages': 'forty-two',
    });
    expect(telemetry.find('chat streamed').attributes['gen_ai.output.messages']).toBe('forty-two');
  });

  it('costs what its tokens do, those of the cache at their own price', () => {
    const prices = { 'gpt-9': { input: 2, output: 8, cacheRead: 0.5 } };
    const usage = { prompt_tokens: 1000, completion_tokens: 500, prompt_tokens_details: { cached_tokens: 600 } };
    callModel({ model: 'gpt-9' }, { prices, currency: 'EUR' }, () => ({ choices: [], usage, model: 'gpt-9-2026' }));
    callModel({ model: 'unknown' }, { prices }, () => ({ choices: [], usage }));
    const { attributes } = telemetry.find('chat gpt-9');
    expect(attributes['throughline.cost']).toBeCloseTo((400 * 2 + 600 * 0.5 + 500 * 8) / 1e6, 12);
    expect(attributes['throughline.cost.currency']).toBe('EUR');
    expect(telemetry.find('chat unknown').attributes).not.toHaveProperty('throughline.cost');
  });

  it('takes what it used from the budget of its chain, and is refused when that is spent and enforced', async () => {
    const answer = { choices: [], usage: { prompt_tokens: 60, completion_tokens: 20 } };
    const ask = (model: string, options?: AgentOptions): object => callModel({ model }, options, () => answer);
    withBudget({ tokens: 100 }, () => {
      ask('first');
      expect(currentLineage()?.tokens).toBe(20);
      ask('second');
      expect(currentLineage()?.tokens).toBe(0);
      expect(ask('observed')).toBe(answer);
      const refused = (): object => ask('enforced', { lineage: { mode: 'enforce' } });
      expect(refused).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'tokens' }));
    });
    const exceeded = telemetry
      .spans()
      .map(({ name, events }) => [
        name,
        events.filter((event) => event.name === 'throughline.lineage.exceeded').length,
      ]);
    expect(exceeded).toEqual([
      ['chat first', 0],
      ['chat second', 1],
      ['chat observed', 2],
      ['chat enforced', 1],
    ]);
    expect(telemetry.find('chat enforced').attributes['error.type']).toBe('throughline.tokens');
    const prices = { m: { input: 1000, output: 1000 } };
    withBudget({ cost: 0.1 }, () => {
      ask('m', { prices });
      expect(currentLineage()?.cost).toBeCloseTo(0.02, 9);
    });
  });

  it('tells of its events as log records in its trace, where there is a logger', () => {
    const records: EventRecord[] = [];
    const loggerProvider = { getLogger: () => ({ emit: (record: EventRecord) => void records.push(record) }) };
    const answer = { choices: [{ message: { content: '' }, finish_reason: 'stop' }] };
    callModel({ model: 'm' }, { loggerProvider, events: 'log' }, () => answer);
    const span = telemetry.find('chat m');
    expect(span.events).toEqual([]);
    expect(records.map(({ eventName, context }) => [eventName, trace.getSpanContext(context)?.spanId])).toEqual([
      ['throughline.signal', span.spanContext().spanId],
    ]);
  });

  it('survives a logger, a reader and a price function that throw', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const loggerProvider = { getLogger: () => ({ emit: broken }) };
    const answer = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } };
    expect(callModel({ model: 'm' }, { loggerProvider, prices: broken }, () => answer)).toBe(answer);
    expect(callModel({ model: 'm' }, { read: broken }, () => answer)).toBe(answer);
    expect(telemetry.spans()).toHaveLength(2);
  });
});

type Metrics = Record<string, { unit: string; points: { attributes: Attributes; value: unknown }[] }>;

/** Returns what was measured while `work` ran. */
async function collected(work: (meterProvider: MeterProvider) => unknown): Promise<Metrics> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  await work(meterProvider);
  await meterProvider.forceFlush();
  const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  await meterProvider.shutdown();
  return Object.fromEntries(
    metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      { unit: descriptor.unit, points: dataPoints.map(({ attributes, value }) => ({ attributes, value })) },
    ]),
  );
}

describe('what is measured', () => {
  const measured = async (options: AgentOptions): Promise<Metrics> => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } };
    async function* stream(): AsyncGenerator {
      yield chunk('a');
      yield chunk('b', { usage });
    }
    return collected((meterProvider) =>
      runAgent('planner', { meterProvider, prices: { 'gpt-9': { input: 1, output: 1 } }, ...options }, async () => {
        for await (const _ of callModel({ model: 'gpt-9', provider: 'openai', stream: true }, () => stream()));
      }),
    );
  };
  const labels = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-9',
    'gen_ai.response.model': 'gpt-9-2026',
    'gen_ai.agent.name': 'planner',
  };

  it('is what the conventions name, by model, agent and provider', async () => {
    const metrics = await measured({});
    expect(Object.keys(metrics).toSorted()).toEqual([
      'gen_ai.client.inference.duration',
      'gen_ai.client.inference.time_to_first_chunk',
      'gen_ai.client.inference.usage.cache_read.input_tokens',
      'gen_ai.client.inference.usage.input_tokens',
      'gen_ai.client.inference.usage.output_tokens',
      'gen_ai.invoke_agent.duration',
      'gen_ai.invoke_agent.inference_calls',
      'gen_ai.invoke_agent.tool_calls',
      'throughline.cost',
      'throughline.model.attempts',
    ]);
    expect(metrics['gen_ai.client.inference.usage.input_tokens']).toEqual({
      unit: '{token}',
      points: [{ attributes: labels, value: 10 }],
    });
    expect(metrics['gen_ai.client.inference.duration']?.points[0]).toMatchObject({
      attributes: labels,
      value: {
        count: 1,
        buckets: {
          boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
        },
      },
    });
    expect(metrics['gen_ai.invoke_agent.inference_calls']?.points[0]?.value).toMatchObject({ count: 1, sum: 1 });
  });

  it('counts each attempt of a call', async () => {
    const metrics = await collected((meterProvider) =>
      callModel({ model: 'gpt-9' }, { meterProvider }, async (call) => {
        await call.attempt(() => Promise.reject(new Error('busy'))).catch(() => {});
        return call.attempt(() => ({ choices: [] }));
      }),
    );
    const attempts = metrics['throughline.model.attempts'];
    expect(attempts?.points).toMatchObject([{ attributes: { 'gen_ai.request.model': 'gpt-9' }, value: 2 }]);
    expect(metrics['gen_ai.client.inference.duration']?.points[0]?.value).toMatchObject({ count: 1 });
  });

  it('has the names of the version before on request, with those of its spans', async () => {
    const metrics = await measured({ conventions: 'v1.41.0', chunkMetric: true });
    expect(Object.keys(metrics)).toEqual(
      expect.arrayContaining([
        'gen_ai.client.operation.duration',
        'gen_ai.client.operation.time_to_first_chunk',
        'gen_ai.client.operation.time_per_output_chunk',
        'gen_ai.client.token.usage',
      ]),
    );
    expect(
      metrics['gen_ai.client.token.usage']?.points.map(({ attributes, value }) => [attributes, value]),
    ).toMatchObject([
      [{ 'gen_ai.token.type': 'input' }, { sum: 10 }],
      [{ 'gen_ai.token.type': 'output' }, { sum: 5 }],
    ]);
    const message = { type: 'message', usage: { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 9 } };
    callModel({ model: 'claude' }, { conventions: 'v1.41.0' }, () => message);
    callModel({ model: 'newer' }, () => message);
    expect(telemetry.find('chat claude').attributes['gen_ai.usage.cache_creation.input_tokens']).toBe(9);
    expect(telemetry.find('chat newer').attributes['gen_ai.usage.cache_write.input_tokens']).toBe(9);
    expect(telemetry.find('chat newer').attributes['gen_ai.usage.input_tokens']).toBe(10);
  });

  it('has no more than 200 models, whoever names them, with options that are new each time', async () => {
    const metrics = await collected((meterProvider) => {
      for (let n = 0; n < 300; n++) callModel({ model: `m-${n}` }, { meterProvider }, () => ({}));
    });
    const models = metrics['gen_ai.client.inference.duration']?.points.map(
      ({ attributes }) => attributes['gen_ai.request.model'],
    );
    expect(models).toContain('_OTHER');
    expect(models).toHaveLength(201);
  });
});

import { context as contextApi, trace } from '@opentelemetry/api';
import { holdAt, startModel, times } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { callModel, runAgent } from '../src/index.ts';
import { SDKS } from './sdk-clients.ts';
import type { SdkStream } from './sdk-clients.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(() => (telemetry = startTelemetry()));
beforeEach(async () => (model = await startModel()));
afterEach(async () => {
  await model.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const only = (): ReadableSpan => {
  const spans = telemetry.spans();
  expect(spans.map(({ name }) => name)).toEqual(['chat m']);
  return spans[0] as ReadableSpan;
};
const eventsOf = (span: ReadableSpan): string[] =>
  span.events
    .map(({ name }) => name.replace('throughline.model.', ''))
    // Who served the test before is no matter of these.
    .filter((name) => name !== 'routing_changed');
const readAll = async (stream: AsyncIterable<object>): Promise<number> => {
  let chunks = 0;
  for await (const _ of stream) chunks++;
  return chunks;
};
const USAGE = { input: 100, cached: 60, output: 20, reasoning: 5 };

describe.each(SDKS)('$name', ({ connect, provider }) => {
  it('tells of a whole answer: request, answer, usage, what the headers say', async () => {
    model.next({
      text: 'fine',
      usage: USAGE,
      model: 'm-2026',
      responseId: 'r-1',
      report: { requestId: 'req-1', region: 'north', remaining: { requests: 7, tokens: 70 } },
    });
    await connect(model).whole();
    const { attributes, kind, status } = only();
    expect([kind, status.code]).toEqual([2, 0]);
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': 'm',
      'gen_ai.response.model': 'm-2026',
      'gen_ai.response.id': 'r-1',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 60,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(model.url).port),
      'throughline.model.attempts': 1,
      'throughline.model.request_id': 'req-1',
      'throughline.model.region': 'north',
      'throughline.model.rate_limit.requests_left': 7,
      'throughline.model.rate_limit.tokens_left': 70,
    });
    expect(attributes).not.toHaveProperty('gen_ai.request.stream');
    if (provider === 'openai') expect(attributes['gen_ai.usage.reasoning.output_tokens']).toBe(5);
  });

  it('tells of each phase of a stream, while it goes on', async () => {
    const holds = [holdAt('headers'), holdAt('chunk:1'), holdAt('chunk:2')] as const;
    model.next({ text: ['a', 'b', 'c'], hold: holds, usage: USAGE });
    const started = connect(model).stream();
    await holds[0].reached;
    holds[0].release();
    const stream = await started;
    const reading = readAll(stream);
    await holds[1].reached;
    holds[1].release();
    await holds[2].reached;
    expect(telemetry.spans()).toEqual([]);
    holds[2].release();
    const chunks = await reading;
    const span = only();
    expect(eventsOf(span)).toEqual(['request_sent', 'headers', 'first_chunk', 'first_token']);
    expect(span.attributes).toMatchObject({
      'gen_ai.request.stream': true,
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 60,
      'throughline.model.chunks': chunks,
    });
    for (const phase of ['time_to_request', 'time_to_headers', 'time_to_first_token', 'generation.time'])
      expect(span.attributes[`throughline.model.${phase}`]).toBeGreaterThanOrEqual(0);
  });

  it('is one call with three attempts where two were refused, their waiting told apart', async () => {
    model.next(...times(2, { fail: { by: 'status', status: 429, retryAfterMs: 30 } }), { text: 'at last' });
    await runAgent('a', () => connect(model).whole());
    const span = telemetry.find('chat m');
    expect(telemetry.spans()).toHaveLength(2);
    expect(span.status.code).toBe(0);
    expect(span.attributes).toMatchObject({
      'throughline.model.attempts': 3,
      'throughline.model.slowest_phase': 'retries',
    });
    expect(eventsOf(span)).toEqual([
      'request_sent',
      'attempt_failed',
      'request_sent',
      'attempt_failed',
      'request_sent',
      'headers',
    ]);
    const refused = span.events[1]?.attributes;
    expect(refused).toMatchObject({ 'http.response.status_code': 429, 'throughline.attempt.retry_after': 0.03 });
    const [wait, time] = ['wait', 'time'].map((what) => Number(span.attributes[`throughline.model.retry.${what}`]));
    // The SDK waits as long as it is told twice; what is past that in `time` are the requests.
    expect(wait).toBeGreaterThanOrEqual(0.05);
    expect(time).toBeGreaterThan(wait as number);
    expect(telemetry.find('invoke_agent a').attributes).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.model_calls': 1,
      'throughline.turn.attempts': 3,
    });
  });

  it.each([529, 500])('fails by %i after its attempts, with the very error', async (status) => {
    model.next(...times(3, { fail: { by: 'status', status, retryAfterMs: 1 } }));
    const seen: unknown[] = [];
    const error: unknown = await runAgent('a', async () => {
      try {
        return await connect(model).whole({ prompt: 'the secret' });
      } catch (thrown) {
        seen.push(thrown);
        throw thrown;
      }
    }).catch((thrown: unknown) => thrown);
    expect(seen).toEqual([error]);
    expect(seen[0]).toBe(error);
    const { attributes, status: ended } = telemetry.find('chat m');
    expect(ended.code).toBe(2);
    expect(attributes).toMatchObject({ 'error.type': String(status), 'throughline.model.attempts': 3 });
    expect(attributes['throughline.input.digest']).toMatch(/^[\da-f]{16}$/);
  });

  it('fails with a connection that breaks in mid-stream', async () => {
    model.next({ text: ['a', 'b', 'c'], fail: { by: 'reset', at: 'chunk:2' } });
    const stream = await connect(model).stream();
    const error: unknown = await readAll(stream).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const span = only();
    expect(span.status.code).toBe(2);
    expect(span.attributes['error.type']).toEqual(expect.any(String));
    expect(eventsOf(span)).toContain('first_token');
  });

  it('is no error where the caller aborts, before the headers or in mid-stream', async () => {
    const hold = holdAt('headers');
    model.next({ hold });
    const before = new AbortController();
    const client = connect(model);
    const call = client.whole({ signal: before.signal });
    const thrown = call.catch((error: unknown) => error);
    await hold.reached;
    before.abort();
    expect(await thrown).toMatchObject({ name: expect.any(String) as string });
    expect(only().attributes['throughline.stream.ended']).toBe('aborted');
    expect(only().status.code).toBe(0);
    await telemetry.reset();

    const late = holdAt('chunk:2');
    model.next({ text: ['a', 'b'], hold: late });
    const during = new AbortController();
    const reading = readAll(await client.stream({ signal: during.signal }));
    await late.reached;
    during.abort();
    await reading;
    expect(only().attributes['throughline.stream.ended']).toBe('aborted');
    expect(only().status.code).toBe(0);
  });

  it('ends where the reader breaks out, and tells the provider', async () => {
    const hold = holdAt('chunk:2');
    model.next({ text: ['a', 'b', 'c'], hold });
    for await (const _ of await connect(model).stream()) break;
    expect(only().attributes['throughline.stream.ended']).toBe('left');
    expect(only().status.code).toBe(0);
    expect(await model.requests[0]?.ended).toBe('left');
  });

  it("keeps the SDK's stream: `tee`, `toReadableStream` and `controller` work and are followed", async () => {
    const client = connect(model);
    const [left, right] = (await client.stream()).tee();
    expect(await readAll(left)).toBe(await readAll(right));
    expect(only().attributes['throughline.model.chunks']).toBeGreaterThan(0);
    await telemetry.reset();

    const lines = await new Response((await client.stream()).toReadableStream()).text();
    expect(only().attributes['throughline.model.chunks']).toBe(lines.trimEnd().split('\n').length);
    await telemetry.reset();

    const hold = holdAt('chunk:2');
    model.next({ text: ['a', 'b'], hold });
    const aborted: SdkStream = await client.stream();
    const reading = readAll(aborted);
    await hold.reached;
    aborted.controller.abort();
    await reading;
    expect(only().attributes['throughline.stream.ended']).toBe('aborted');
  });

  it('leaves a raw response unread, and ends with its headers', async () => {
    const response = await connect(model).whole().asResponse();
    expect(response.bodyUsed).toBe(false);
    const { attributes } = only();
    expect(attributes['throughline.model.time_to_headers']).toBeGreaterThan(0);
    expect(attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
    expect(await response.json()).toHaveProperty('model', 'm');
  });

  it('gives data and response together, and reads the data', async () => {
    const { data, response } = await connect(model).whole().withResponse();
    expect(data).toHaveProperty('model', 'm');
    expect(response.status).toBe(200);
    expect(only().attributes['gen_ai.usage.output_tokens']).toBeGreaterThan(0);
    await telemetry.reset();
    const { data: stream } = await connect(model).stream().withResponse();
    await readAll(stream);
    expect(only().attributes['throughline.model.chunks']).toBeGreaterThan(0);
  });

  it('ends at its limit where nobody asks for the answer', async () => {
    void connect(model, { abandonMs: 30 }).whole();
    await vi.waitFor(() => expect(telemetry.spans()).toHaveLength(1), { timeout: 20_000 });
    expect(only().attributes['throughline.stream.ended']).toBe('abandoned');
  });

  it("follows the SDK's own helper for streams, as one call", async () => {
    model.next({ text: 'by the helper', usage: USAGE });
    expect(await connect(model).helper()).toBe('by the helper');
    expect(only().attributes).toMatchObject({ 'gen_ai.request.stream': true, 'gen_ai.usage.input_tokens': 100 });
  });

  it('does not mix calls that run at once', async () => {
    const client = connect(model);
    const counts = [11, 22, 33, 44];
    const hold = holdAt('headers');
    model.next(...counts.map((input) => ({ usage: { input, output: 1 }, responseId: `r-${input}`, hold })));
    const calls = Promise.all(counts.map((_, at) => (at % 2 === 0 ? client.whole() : client.stream().then(readAll))));
    await hold.reached;
    hold.release();
    await calls;
    const said = telemetry
      .spans()
      .map(({ attributes }) => [
        attributes['gen_ai.response.id'],
        attributes['gen_ai.usage.input_tokens'],
        attributes['throughline.model.attempts'],
      ]);
    expect(new Set(said.map(String))).toEqual(new Set(counts.map((input) => `r-${input},${input},1`)));
  });

  it('keeps the context of its caller, who reads the stream in it', async () => {
    const before = contextApi.active();
    for await (const _ of await connect(model).stream()) expect(trace.getActiveSpan()).toBeUndefined();
    expect(contextApi.active()).toBe(before);
  });

  it('shows no prompt and no answer, unless it is asked to', async () => {
    const shown = (): string =>
      JSON.stringify(
        telemetry.spans().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
      );
    const calls = async (client = connect(model)): Promise<void> => {
      model.next(
        { text: 'a hidden answer' },
        { text: 'a hidden answer' },
        { fail: { by: 'status', status: 400, message: 'no secret' } },
      );
      await client.whole({ prompt: 'the secret' });
      await readAll(await client.stream({ prompt: 'the secret' }));
      await client.whole({ prompt: 'the secret' }).catch(() => {});
    };
    await calls();
    expect(telemetry.spans()).toHaveLength(3);
    expect(shown()).not.toMatch(/secret|hidden/);
    await telemetry.reset();
    await calls(connect(model, { content: { prompts: true, answers: true } }));
    const [whole, streamed] = telemetry.spans().map(({ attributes }) => attributes);
    for (const attributes of [whole, streamed]) {
      expect(attributes?.['gen_ai.input.messages']).toContain('the secret');
      expect(attributes?.['gen_ai.output.messages']).toContain('a hidden answer');
    }
  });

  it('is the very call of a `callModel` around it', async () => {
    const client = connect(model);
    model.next({ usage: USAGE }, { usage: USAGE });
    await callModel({ model: 'm', provider: 'mine' }, () => client.whole());
    expect(only().attributes).toMatchObject({ 'gen_ai.provider.name': 'mine', 'gen_ai.usage.input_tokens': 100 });
    await telemetry.reset();
    const stream = await callModel({ model: 'm' }, () => client.stream());
    const chunks = await readAll(stream);
    expect(only().attributes).toMatchObject({ 'throughline.model.chunks': chunks, 'gen_ai.usage.input_tokens': 100 });
  });
});

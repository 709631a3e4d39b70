import Anthropic from '@anthropic-ai/sdk';
import { context as contextApi, propagation } from '@opentelemetry/api';
import { startModel } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { traceAnthropic } from '../src/anthropic.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(() => (telemetry = startTelemetry()));
beforeEach(async () => (model = await startModel()));
afterEach(async () => {
  await model.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const bare = (more: object = {}): Anthropic =>
  new Anthropic({ baseURL: model.url, apiKey: 'none', logLevel: 'off', ...more });
const request = { model: 'm', max_tokens: 50, messages: [{ role: 'user' as const, content: 'hello' }] };
const names = (): string[] => telemetry.spans().map(({ name }) => name);

it('is a client of the same class, and leaves the given one as it is', async () => {
  const given = bare();
  const { create, stream } = given.messages;
  const client = traceAnthropic(given);
  expect(client).toBeInstanceOf(Anthropic);
  expect(traceAnthropic(client)).toBe(client);
  expect([given.messages.create, given.messages.stream]).toEqual([create, stream]);
  await given.messages.create(request);
  expect(names()).toEqual(['anthropic.messages.create']);
  await telemetry.reset();
  const again = client.withOptions({ maxRetries: 0 }).withOptions({ timeout: 9_999 });
  expect([again.maxRetries, again.timeout]).toEqual([0, 9_999]);
  await again.messages.create(request);
  expect(names()).toEqual(['chat m']);
  expect(telemetry.find('chat m').attributes['throughline.model.attempts']).toBe(1);
});

it('says what is asked for, and what went through the cache', async () => {
  model.next({ usage: { input: 100, cached: 60, cacheWrite: 30, output: 20 } });
  await traceAnthropic(bare()).messages.create({
    ...request,
    stop_sequences: ['END'],
    system: 'be brief',
    // Parameters of older models, which the types no longer have.
    ...({ temperature: 0.5, top_k: 3, top_p: 0.9 } as object),
  });
  expect(telemetry.find('chat m').attributes).toMatchObject({
    'gen_ai.request.max_tokens': 50,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.top_k': 3,
    'gen_ai.request.top_p': 0.9,
    'gen_ai.request.stop_sequences': ['END'],
    'gen_ai.usage.input_tokens': 100,
    'gen_ai.usage.cache_read.input_tokens': 60,
    'gen_ai.usage.cache_write.input_tokens': 30,
    'gen_ai.usage.output_tokens': 20,
  });
});

it('tells of a call of a tool, of a refusal and of an answer that is cut off', async () => {
  const client = traceAnthropic(bare());
  model.next({ toolCalls: [{ name: 'add', input: {} }] }, { refusal: 'no' }, { finishReason: 'length' });
  for (let n = 0; n < 3; n++) await client.messages.create(request);
  const said = telemetry
    .spans()
    .map(({ attributes, events }) => [
      attributes['gen_ai.response.finish_reasons'],
      events.at(-1)?.attributes?.['throughline.signal.kind'],
    ]);
  expect(said).toEqual([
    [['tool_use'], undefined],
    [['refusal'], 'answer_filtered'],
    [['max_tokens'], 'answer_cut_off'],
  ]);
});

it.each([
  ['sends the trace context of its span, as the SDK would, and no baggage', {}, true],
  ['sends none where the SDK is told so', { openTelemetry: { propagation: false } }, false],
])('%s', async (_, options, isSent) => {
  const baggage = propagation.createBaggage({ tenant: { value: 'secret' } });
  await contextApi.with(propagation.setBaggage(contextApi.active(), baggage), () =>
    traceAnthropic(bare(options)).messages.create(request),
  );
  const { traceId, spanId } = telemetry.find('chat m').spanContext();
  const { traceparent, baggage: sent } = model.requests[0]?.headers ?? {};
  expect([traceparent, sent]).toEqual([isSent ? `00-${traceId}-${spanId}-01` : undefined, undefined]);
});

it("has the SDK's spans nowhere where the client has none", async () => {
  const client = traceAnthropic(bare({ openTelemetry: false }));
  await client.messages.create(request);
  await client.messages.stream(request).finalMessage();
  await client.messages.countTokens(request).catch(() => {});
  expect(names()).toEqual(['chat m', 'chat m']);
});

it('refuses what is no client, and wrong options', () => {
  expect(() => traceAnthropic({} as Anthropic)).toThrow('`traceAnthropic` takes a client of `@anthropic-ai/sdk`');
  expect(() => traceAnthropic(bare(), { abandonMs: -1 })).toThrow(/abandonMs/);
});

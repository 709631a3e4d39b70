import { createOpenAI } from '@ai-sdk/openai';
import { holdAt, startModel, times } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import * as ai7 from 'ai';
import * as ai6 from 'ai6';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { modelMiddleware } from '../src/ai-sdk.ts';
import type { ModelMiddlewareOptions } from '../src/ai-sdk.ts';
import { runAgent } from '../src/index.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(() => (telemetry = startTelemetry()));
beforeEach(async () => (model = await startModel()));
afterEach(async () => {
  await model.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const chats = (): ReadableSpan[] => telemetry.spans().filter(({ name }) => name === 'chat m');
const only = (): ReadableSpan => {
  expect(telemetry.spans().map(({ name }) => name)).toEqual(['chat m']);
  return telemetry.spans()[0] as ReadableSpan;
};
const readAll = async (stream: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
};
const USAGE = { input: 100, cached: 60, output: 20, reasoning: 5 };

describe.each([
  ['ai 7', ai7],
  ['ai 6', ai6 as unknown as typeof ai7],
])('%s', (_, ai) => {
  const language = (options?: ModelMiddlewareOptions, api: 'chat' | 'responses' = 'chat') =>
    ai.wrapLanguageModel({
      model: createOpenAI({ baseURL: model.v1, apiKey: 'none' })[api]('m'),
      middleware: modelMiddleware(options),
    });

  it.each(['chat', 'responses'] as const)('tells of an answer, streamed and not, by %s', async (api) => {
    const behaviour = { text: 'fine', usage: USAGE, model: 'm-2026', report: { requestId: 'req-1' } };
    model.next(behaviour, behaviour);
    const request = { model: language(undefined, api), prompt: 'hello', maxOutputTokens: 50, temperature: 0.5 };
    expect((await ai.generateText(request)).text).toBe('fine');
    expect(await readAll(ai.streamText(request).textStream)).toBe('fine');
    const [whole, streamed] = chats().map(({ attributes }) => attributes);
    for (const attributes of [whole, streamed]) {
      expect(attributes).toMatchObject({
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.max_tokens': 50,
        'gen_ai.request.temperature': 0.5,
        'gen_ai.response.model': 'm-2026',
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 60,
        'gen_ai.usage.reasoning.output_tokens': 5,
        'throughline.model.attempts': 1,
        'throughline.model.request_id': 'req-1',
      });
    }
    expect(whole).not.toHaveProperty('gen_ai.request.stream');
    expect(streamed).toMatchObject({ 'gen_ai.request.stream': true });
    for (const phase of ['time_to_headers', 'time_to_first_token', 'generation.time'])
      expect(streamed?.[`throughline.model.${phase}`]).toBeGreaterThanOrEqual(0);
  });

  it('ends with its stream, not before', async () => {
    const hold = holdAt('chunk:2');
    model.next({ text: ['a', 'b'], hold });
    const reading = readAll(ai.streamText({ model: language(), prompt: 'hello' }).textStream);
    await hold.reached;
    expect(telemetry.spans()).toEqual([]);
    hold.release();
    expect(await reading).toBe('ab');
    expect(only().events.map(({ name }) => name.replace('throughline.model.', ''))).toEqual(
      expect.arrayContaining(['request_sent', 'headers', 'first_chunk', 'first_token']),
    );
  });

  it.each(['generateText', 'streamText'] as const)('has an attempt of %s for each try of the SDK', async (how) => {
    model.next(...times(2, { fail: { by: 'status', status: 429, retryAfterMs: 30 } }), { text: 'at last' });
    await runAgent('a', async () => {
      const request = { model: language(), prompt: 'hello' };
      if (how === 'generateText') await ai.generateText(request);
      else await readAll(ai.streamText(request).textStream);
    });
    expect(chats().map(({ attributes }) => attributes['throughline.attempt'])).toEqual([undefined, 2, 3]);
    expect(chats().map(({ status }) => status.code)).toEqual([2, 2, 0]);
    const [first, , last] = chats();
    expect(first?.events[1]?.attributes).toMatchObject({
      'http.response.status_code': 429,
      'throughline.attempt.retry_after': 0.03,
    });
    expect(last?.attributes['throughline.model.retry.wait']).toBeGreaterThanOrEqual(0.05);
    expect(telemetry.find('invoke_agent a').attributes).toMatchObject({
      'throughline.turn.outcome': 'ok_after_retries',
      'throughline.turn.attempts': 3,
    });
  });

  it('begins anew with the next question', async () => {
    model.next({ fail: { by: 'status', status: 429, retryAfterMs: 1 } }, {}, {});
    const wrapped = language();
    await runAgent('a', async () => {
      await ai.generateText({ model: wrapped, prompt: 'hello' });
      await ai.generateText({ model: wrapped, prompt: 'hello' });
    });
    expect(chats().map(({ attributes }) => attributes['throughline.attempt'])).toEqual([undefined, 2, undefined]);
  });

  it('comes out with the error of the model as the same object', async () => {
    model.next({ fail: { by: 'status', status: 400, message: 'the secret' } });
    const seen: unknown[] = [];
    const inner = createOpenAI({ baseURL: model.v1, apiKey: 'none' }).chat('m');
    const spying = ai.wrapLanguageModel({
      model: inner,
      middleware: [
        modelMiddleware(),
        {
          specificationVersion: 'v3',
          wrapGenerate: async ({ doGenerate }) => {
            try {
              return await doGenerate();
            } catch (error) {
              seen.push(error);
              throw error;
            }
          },
        },
      ],
    });
    const error: unknown = await ai
      .generateText({ model: spying, prompt: 'hello', maxRetries: 0 })
      .catch((thrown: unknown) => thrown);
    expect(seen[0]).toBe(error);
    expect(only().attributes['error.type']).toBe('400');
    expect(JSON.stringify([only().attributes, only().events, only().status])).not.toContain('secret');
  });

  it('fails with a connection that breaks in mid-stream', async () => {
    model.next({ text: ['a', 'b', 'c'], fail: { by: 'reset', at: 'chunk:2' } });
    await readAll(ai.streamText({ model: language(), prompt: 'hello', onError: () => {} }).textStream).catch(() => {});
    expect(only().status.code).toBe(2);
  });

  it('is no error where the caller aborts', async () => {
    const hold = holdAt('chunk:2');
    model.next({ text: ['a', 'b'], hold });
    const abort = new AbortController();
    const { textStream } = ai.streamText({ model: language(), prompt: 'hello', abortSignal: abort.signal });
    const reading = readAll(textStream).catch(() => {});
    await hold.reached;
    abort.abort();
    await reading;
    await expect.poll(() => telemetry.spans().length).toBe(1);
    expect(only().status.code).toBe(0);
    expect(only().attributes['throughline.stream.ended']).toMatch(/^(aborted|left)$/);
  });

  it('has a span for each step of a loop of tools', async () => {
    model.next({ toolCalls: [{ name: 'add', input: { a: 1 } }] }, { text: 'three' });
    const { text } = await ai.generateText({
      model: language(),
      prompt: 'hello',
      tools: { add: ai.tool({ inputSchema: z.object({ a: z.number() }), execute: () => 'three' }) },
      stopWhen: ai.stepCountIs(3),
    });
    expect(text).toBe('three');
    expect(chats().map(({ attributes }) => attributes['gen_ai.response.finish_reasons'])).toEqual([
      ['tool-calls'],
      ['stop'],
    ]);
  });

  it('follows embeddings', async () => {
    const embedding = ai.wrapEmbeddingModel({
      model: createOpenAI({ baseURL: model.v1, apiKey: 'none' }).embedding('e'),
      middleware: modelMiddleware(),
    });
    await ai.embed({ model: embedding, value: 'hello' });
    const { attributes } = telemetry.find('embeddings e');
    expect(attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(0);
  });

  it('shows no prompt and no answer, unless it is asked to', async () => {
    const ask = async (options?: ModelMiddlewareOptions): Promise<void> => {
      model.next({ text: 'a hidden answer' }, { text: 'a hidden answer' });
      const request = { model: language(options), prompt: 'the secret' };
      await ai.generateText(request);
      await readAll(ai.streamText(request).textStream);
    };
    await ask();
    expect(JSON.stringify(chats().map(({ attributes, events }) => [attributes, events]))).not.toMatch(/secret|hidden/);
    await telemetry.reset();
    await ask({ content: { prompts: true, answers: true } });
    for (const { attributes } of chats()) {
      expect(attributes['gen_ai.input.messages']).toContain('the secret');
      expect(attributes['gen_ai.output.messages']).toContain('a hidden answer');
    }
  });
});

it('is middleware by the types of either version', () => {
  const language: Parameters<typeof ai6.wrapLanguageModel>[0]['middleware'] = modelMiddleware();
  const embedding: Parameters<typeof ai6.wrapEmbeddingModel>[0]['middleware'] = modelMiddleware();
  const newer: ai7.LanguageModelMiddleware = modelMiddleware();
  for (const middleware of [language, embedding, newer])
    expect(middleware).toHaveProperty('specificationVersion', 'v3');
});

it('refuses wrong options', () => {
  expect(() => modelMiddleware({ stallMs: -1 })).toThrow(/stallMs/);
  expect(() => modelMiddleware({ provider: '' })).toThrow(/provider/);
});

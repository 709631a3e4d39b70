import { startModel } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { withBudget } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import OpenAI, { AzureOpenAI } from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { traceOpenAI } from '../src/openai.ts';
import type { TraceOpenAIOptions } from '../src/openai.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(() => (telemetry = startTelemetry()));
beforeEach(async () => (model = await startModel()));
afterEach(async () => {
  await model.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const messages = [{ role: 'user' as const, content: 'hello' }];
const bare = (more: object = {}): OpenAI => new OpenAI({ baseURL: model.v1, apiKey: 'none', logLevel: 'off', ...more });
const traced = (options?: TraceOpenAIOptions, more?: object): OpenAI => traceOpenAI(bare(more), options);
const names = (): string[] => telemetry.spans().map(({ name }) => name);

describe('the client', () => {
  it('is one of the same class, and leaves the given one as it is', async () => {
    class Mine extends OpenAI {
      readonly mine = true;
    }
    const given = new Mine({ baseURL: model.v1, apiKey: 'none' });
    const { create } = given.chat.completions;
    const client = traceOpenAI(given);
    expect(client).toBeInstanceOf(Mine);
    expect([client.mine, client === given, traceOpenAI(client) === client]).toEqual([true, false, true]);
    expect(given.chat.completions.create).toBe(create);
    expect(Object.keys(client)).toEqual(Object.keys(given));
    await given.chat.completions.create({ model: 'm', messages });
    expect(names()).toEqual([]);
    await client.chat.completions.create({ model: 'm', messages });
    expect(names()).toEqual(['chat m']);
  });

  it('stays traced through `withOptions`, and notes an attempt once', async () => {
    const sent: string[] = [];
    const fetch: typeof globalThis.fetch = (input, init) => {
      sent.push(input as string);
      return globalThis.fetch(input, init);
    };
    const client = traced(undefined, { fetch }).withOptions({ maxRetries: 0 }).withOptions({ timeout: 9_999 });
    expect([client.maxRetries, client.timeout]).toEqual([0, 9_999]);
    await client.chat.completions.create({ model: 'm', messages });
    expect(telemetry.find('chat m').attributes['throughline.model.attempts']).toBe(1);
    expect(sent).toEqual([`${model.v1}/chat/completions`]);
    expect(names()).toEqual(['chat m']);
  });

  it('opens no span for what is no call of a model', async () => {
    await expect(traced().models.list()).rejects.toMatchObject({ status: 404 });
    expect(names()).toEqual([]);
  });

  it('is refused where it is none, and so are wrong options', () => {
    expect(() => traceOpenAI({} as OpenAI)).toThrow('`traceOpenAI` takes a client of `openai` 5 or later');
    expect(() => traced({ stallMs: -1 })).toThrow(/stallMs/);
    expect(() => traced({ provider: '' })).toThrow(/provider/);
  });
});

it('says what is asked for', async () => {
  const client = traced();
  await client.chat.completions.create({
    model: 'm',
    messages,
    n: 2,
    max_completion_tokens: 50,
    temperature: 0.5,
    top_p: 0.9,
    seed: 7,
    stop: 'END',
    frequency_penalty: 0.1,
    presence_penalty: 0.2,
    reasoning_effort: 'low',
    response_format: { type: 'json_object' },
  });
  await client.responses.create({
    model: 'm',
    input: 'hello',
    max_output_tokens: 60,
    reasoning: { effort: 'high' },
    previous_response_id: 'resp_0',
    text: { format: { type: 'text' } },
  });
  await client.responses.create({ model: 'm', input: 'hello', conversation: { id: 'conv_1' } });
  const [chat, response, conversation] = telemetry.spans().map(({ attributes }) => attributes);
  expect(chat).toMatchObject({
    'gen_ai.request.choice.count': 2,
    'gen_ai.request.max_tokens': 50,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.top_p': 0.9,
    'gen_ai.request.seed': 7,
    'gen_ai.request.stop_sequences': ['END'],
    'gen_ai.request.frequency_penalty': 0.1,
    'gen_ai.request.presence_penalty': 0.2,
    'gen_ai.request.reasoning.level': 'low',
    'gen_ai.output.type': 'json',
  });
  expect(response).toMatchObject({
    'gen_ai.request.max_tokens': 60,
    'gen_ai.request.reasoning.level': 'high',
    'gen_ai.request.previous_response.id': 'resp_0',
    'gen_ai.output.type': 'text',
  });
  expect(response).not.toHaveProperty('gen_ai.conversation.id');
  expect(conversation).toHaveProperty('gen_ai.conversation.id', 'conv_1');
});

it('leaves what is wrong with a request to the SDK', async () => {
  const hostile = {
    get model(): string {
      throw new Error('getter');
    },
    messages,
  };
  await expect((async () => traced().chat.completions.create(hostile))()).rejects.toThrow('getter');
  expect(names()).toEqual(['chat']);
  expect(telemetry.find('chat').status.code).toBe(2);
});

it.each([
  'null',
  '7',
  '[]',
  '{}',
  '{"choices":[null]}',
  '{"choices":"x","usage":7}',
  '{"choices":[{"message":{"content":{"a":1}},"finish_reason":7}],"usage":{"prompt_tokens":-1,"completion_tokens":1e999}}',
  '{"__proto__":{"choices":[]},"model":{},"id":[]}',
])('gives what the SDK makes of the answer %s', async (body) => {
  const fetch = async (): Promise<Response> => Response.json(JSON.parse(body));
  const outcome = (client: OpenAI): Promise<unknown> =>
    (async () => client.chat.completions.create({ model: 'm', messages }))().catch(String);
  expect(await outcome(traced(undefined, { fetch }))).toEqual(await outcome(bare({ fetch })));
  expect(names()).toEqual(['chat m']);
  expect(telemetry.find('chat m').attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
});

it.each(['null', '7', '[]', '{"choices":[null]}', '{"choices":[{"delta":null}]}', 'no JSON'])(
  'gives what the SDK makes of the event %s in a stream',
  async (data) => {
    const type = { headers: { 'content-type': 'text/event-stream' } };
    const fetch = async (): Promise<Response> => new Response(`data: ${data}\n\ndata: [DONE]\n\n`, type);
    const outcome = async (client: OpenAI): Promise<unknown> => {
      const chunks: unknown[] = [];
      try {
        for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true }))
          chunks.push(chunk);
      } catch (error) {
        chunks.push(String(error));
      }
      return chunks;
    };
    expect(await outcome(traced(undefined, { fetch }))).toEqual(await outcome(bare({ fetch })));
    expect(names()).toEqual(['chat m']);
  },
);

it('follows embeddings and the legacy completions', async () => {
  const client = traced();
  await client.embeddings.create({ model: 'e', input: ['one', 'two'] });
  await expect(client.completions.create({ model: 'm', prompt: 'hello' })).rejects.toMatchObject({ status: 404 });
  expect(names()).toEqual(['embeddings e', 'text_completion m']);
  const { attributes } = telemetry.find('embeddings e');
  expect(attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(0);
  expect(telemetry.find('text_completion m').attributes['error.type']).toBe('model_not_found');
});

it('follows `parse` of both APIs', async () => {
  const shape = z.object({ answer: z.number() });
  const client = traced();
  model.next({ text: '{"answer":42}' }, { text: '{"answer":43}' });
  const chat = await client.chat.completions.parse({
    model: 'm',
    messages,
    response_format: zodResponseFormat(shape, 'shape'),
  });
  const response = await client.responses.parse({
    model: 'm',
    input: 'hello',
    text: { format: zodTextFormat(shape, 'shape') },
  });
  expect([chat.choices[0]?.message.parsed, response.output_parsed]).toEqual([{ answer: 42 }, { answer: 43 }]);
  expect(telemetry.spans().map(({ attributes }) => attributes['gen_ai.output.type'])).toEqual(['json', 'json']);
  const raw = await client.chat.completions.parse({ model: 'm', messages }).asResponse();
  expect(raw.bodyUsed).toBe(false);
  expect(names()).toEqual(['chat m', 'chat m', 'chat m']);
});

it('follows each call that `runTools` makes; a call of a tool is no empty answer', async () => {
  model.next({ toolCalls: [{ name: 'add', input: { a: 1, b: 2 } }] }, { text: 'three' });
  const runner = traced().chat.completions.runTools({
    model: 'm',
    messages,
    tools: [
      {
        type: 'function',
        function: { name: 'add', description: 'adds', parameters: {}, parse: JSON.parse, function: () => 'three' },
      },
    ],
  });
  expect(await runner.finalContent()).toBe('three');
  const reasons = telemetry.spans().map(({ attributes }) => attributes['gen_ai.response.finish_reasons']);
  expect(reasons).toEqual([['tool_calls'], ['stop']]);
  expect(telemetry.spans().flatMap(({ events }) => events.map(({ name }) => name))).not.toContain('throughline.signal');
});

it('tells of an answer that is cut off, filtered or empty', async () => {
  const client = traced();
  model.next({ finishReason: 'length' }, { finishReason: 'content_filter' }, { text: '' });
  for (let n = 0; n < 3; n++) await client.chat.completions.create({ model: 'm', messages });
  const kinds = telemetry.spans().map(({ events }) => events.at(-1)?.attributes?.['throughline.signal.kind']);
  expect(kinds).toEqual(['answer_cut_off', 'answer_filtered', 'empty_answer']);
});

it('fails with an error that comes as an event of the stream', async () => {
  const client = traced();
  for (const create of [
    () => client.chat.completions.create({ model: 'm', messages, stream: true }),
    () => client.responses.create({ model: 'm', input: 'hello', stream: true }),
  ]) {
    model.next({ text: 'so far', fail: { by: 'error-event', at: 'end' } });
    const stream: AsyncIterable<object> = await create();
    await (async () => {
      for await (const _ of stream);
    })().catch(() => {});
  }
  expect(telemetry.spans().map(({ status }) => status.code)).toEqual([2, 2]);
});

it('is a client of Azure where it is given one, whose deployment stands for the model', async () => {
  const azure = new AzureOpenAI({ baseURL: model.v1, apiKey: 'none', apiVersion: '2026-10-01', deployment: 'mine' });
  const client = traceOpenAI(azure);
  expect(client).toBeInstanceOf(AzureOpenAI);
  // The stand-in has no deployments.
  await client.chat.completions.create({ messages } as never).catch(() => {});
  expect(telemetry.find('chat mine').attributes).toMatchObject({
    'gen_ai.provider.name': 'azure.ai.openai',
    'gen_ai.request.model': 'mine',
  });
});

it('calls the provider what it is told', async () => {
  await traced({ provider: 'groq', attributes: { team: 'a' } }).chat.completions.create({ model: 'm', messages });
  expect(telemetry.find('chat m').attributes).toMatchObject({ 'gen_ai.provider.name': 'groq', team: 'a' });
});

it('makes no call once the budget of its chain is spent', async () => {
  const client = traced({ lineage: { mode: 'enforce' } });
  model.next({ usage: { input: 100, output: 20 } });
  await withBudget({ tokens: 50 }, async () => {
    await client.chat.completions.create({ model: 'm', messages });
    await expect((async () => client.chat.completions.create({ model: 'm', messages }))()).rejects.toMatchObject({
      name: 'LineageError',
    });
  });
  expect(model.requests).toHaveLength(1);
});

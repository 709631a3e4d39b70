import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, isStepCount, jsonSchema, tool } from 'ai';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdAt, startModel } from '../src/index.ts';
import type { Behaviour, RunningModel } from '../src/index.ts';
import { anthropicClient, openaiClient } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

const post = (path: string, body: string) =>
  fetch(model.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const PATHS = ['/v1/chat/completions', '/v1/responses', '/v1/embeddings', '/v1/messages'] as const;

describe('what came', () => {
  it('is kept: path, headers, body and the model that was asked for', async () => {
    await anthropicClient(model).beta.messages.create({
      model: 'claude',
      max_tokens: 9,
      system: 'Be brief.',
      messages: [{ role: 'user', content: 'Hello?' }],
    });
    expect(model.requests).toMatchObject([
      {
        format: 'messages',
        path: '/v1/messages',
        model: 'claude',
        streamed: false,
        headers: { authorization: 'Bearer none' },
        body: { max_tokens: 9 },
        conversation: {
          items: [
            { kind: 'system', text: 'Be brief.' },
            { kind: 'user', text: 'Hello?' },
          ],
          tools: [],
        },
      },
    ]);
    expect(await model.requests[0]?.ended).toBe('answered');
  });

  it.each([
    ['chat', () => createOpenAI({ baseURL: model.v1, apiKey: 'none' }).chat('gpt')],
    ['responses', () => createOpenAI({ baseURL: model.v1, apiKey: 'none' }).responses('gpt')],
    ['messages', () => createAnthropic({ baseURL: model.v1, apiKey: 'none' })('claude-sonnet-4-5')],
  ] as const)(
    'is the same conversation in %s, with the tool that was called and its result',
    async (_, languageModel) => {
      model.next({ toolCalls: [{ name: 'search', input: { query: 'x' }, id: '1' }] }, { text: 'Found.' });
      const search = tool({
        inputSchema: jsonSchema<{ readonly query: string }>({
          type: 'object',
          properties: { query: { type: 'string' } },
        }),
        execute: ({ query }) => `all about ${query}`,
      });
      const { text } = await generateText({
        model: languageModel(),
        tools: { search },
        stopWhen: isStepCount(3),
        system: 'Be brief.',
        prompt: 'What is x?',
      });
      expect(text).toBe('Found.');
      const [call, result] = model.requests[1]?.conversation.items.slice(2) ?? [];
      expect(model.requests[1]?.conversation).toMatchObject({
        items: [{ kind: 'system', text: 'Be brief.' }, { kind: 'user', text: 'What is x?' }, {}, {}],
        tools: ['search'],
      });
      expect(call).toMatchObject({ kind: 'call', tool: 'search', id: expect.stringMatching(/_1$/) });
      expect(result).toMatchObject({ kind: 'result', text: expect.stringContaining('all about x') });
      expect(result && 'id' in result && call && 'id' in call && result.id === call.id).toBe(true);
    },
  );

  it('is refused where it makes no sense, in the words of the provider, and the SDK does not try again', async () => {
    await expect(openaiClient(model, 2).get('/models')).rejects.toMatchObject({ status: 404 });
    await expect(openaiClient(model, 2).post('/responses', { body: {} })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
    });
    await expect(anthropicClient(model, 2).post('/v1/messages', { body: { messages: [] } })).rejects.toMatchObject({
      status: 400,
      error: { error: { type: 'invalid_request_error', message: 'max_tokens: Field required' } },
    });
    await expect(anthropicClient(model, 2).post('/v1/messages/batches', { body: {} })).rejects.toMatchObject({
      status: 404,
      error: { type: 'error' },
    });
    expect(model.requests).toEqual([]);
  });

  it('may be anything: there is always an answer', async () => {
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({
          model: fc.anything(),
          messages: fc.array(fc.anything()),
          input: fc.oneof(fc.anything(), fc.array(fc.anything())),
          tools: fc.anything(),
          system: fc.anything(),
          max_tokens: fc.constant(1),
          stream: fc.boolean(),
          stream_options: fc.anything(),
          dimensions: fc.anything(),
        })
        .map((value) => JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), body, async (path, text) => {
        const response = await post(path, text);
        expect([200, 400]).toContain(response.status);
        expect((await response.text()).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a rule', () => {
  it('answers what the script says nothing about', async () => {
    await using ruled = await startModel({ answer: ({ model }) => ({ text: `I am ${model}.` }) });
    ruled.next({ text: 'first' });
    const ask = async () => (await openaiClient(ruled).responses.create({ model: 'm', input: 'x' })).output_text;
    expect([await ask(), await ask()]).toEqual(['first', 'I am m.']);
  });

  it('that fails, or asks for what cannot happen, is told to the client', async () => {
    const rules: (() => Behaviour)[] = [
      () => {
        throw new Error('no idea');
      },
      () => ({ text: 'short', fail: { by: 'cut', at: 'chunk:9' } }),
    ];
    await using ruled = await startModel({ answer: () => rules.shift()?.() ?? {} });
    const ask = () => openaiClient(ruled, 2).responses.create({ model: 'm', input: 'x' });
    await expect(ask()).rejects.toThrow(/500.*no idea/);
    await expect(ask()).rejects.toThrow(/chunk:9/);
  });
});

describe('a behaviour that cannot happen', () => {
  const cases: readonly (readonly [Behaviour, RegExp])[] = [
    [{ text: 'x', refusal: 'y' }, /exclude each other/],
    [{ finishReason: 'tool_calls' }, /needs `toolCalls`/],
    [{ usage: { input: -1 } }, /usage\.input/],
    [{ usage: { input: 10, cached: 8, cacheWrite: 3 } }, /give the sum or more/],
    [{ usage: { output: 1, reasoning: 2 } }, /give as much or more/],
    [{ wait: { headers: -1 } }, /milliseconds/],
    [{ wait: { 'chunk:0': 1 } }, /chunk:1 and so on/],
    [{ text: 'one two', hold: holdAt('chunk:3') }, /2 chunks/],
    [{ fail: { by: 'status', status: 200 } }, /400 to 599/],
    [{ fail: { by: 'cut', at: 'headers' } }, /later moment/],
    [{ text: ['one'], fail: { by: 'reset', at: 'chunk:2' } }, /1 chunks/],
  ];
  it.each(cases)('%j is refused at once', (behaviour, message) => {
    expect(() => model.next(behaviour)).toThrow(message);
  });
});

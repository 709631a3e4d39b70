import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModel, times } from '../src/index.ts';
import type { RunningModel } from '../src/index.ts';
import { anthropicClient, everything, openaiClient } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

const said = [{ role: 'user' as const, content: 'Hello?' }];
const chat = () => openaiClient(model).chat.completions.create({ model: 'gpt', messages: said });
const chatStream = async (stream_options?: { include_usage: boolean }) =>
  everything(
    await openaiClient(model).chat.completions.create({
      model: 'gpt',
      messages: said,
      stream: true,
      ...(stream_options && { stream_options }),
    }),
  );
const responses = () => openaiClient(model).responses.create({ model: 'gpt', input: 'Hello?' });
const messages = () => anthropicClient(model).messages.create({ model: 'claude', max_tokens: 9, messages: said });

describe('the usage', () => {
  it('is in a stream of chat completions only where it is asked for, in a chunk of its own', async () => {
    expect((await chatStream()).filter((chunk) => 'usage' in chunk)).toEqual([]);
    const asked = await chatStream({ include_usage: true });
    expect(asked.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(asked.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 9 } });
  });

  it('is absent where that is asked of the stand-in', async () => {
    model.next(...times(4, { usage: 'absent' }));
    expect(await chat()).not.toHaveProperty('usage');
    expect((await chatStream({ include_usage: true })).filter((chunk) => 'usage' in chunk)).toEqual([]);
    expect((await responses()).usage).toBeNull();
    expect(await messages()).not.toHaveProperty('usage');
  });

  it('has what the cache gave and took, as each provider counts it', async () => {
    const usage = { input: 1000, cached: 600, cacheWrite: 300, output: 20, reasoning: 5 };
    model.next({ usage }, { usage }, { usage });
    expect((await chat()).usage).toMatchObject({
      prompt_tokens: 1000,
      total_tokens: 1020,
      prompt_tokens_details: { cached_tokens: 600, cache_write_tokens: 300 },
      completion_tokens_details: { reasoning_tokens: 5 },
    });
    expect((await responses()).usage).toMatchObject({
      input_tokens: 1000,
      total_tokens: 1020,
      input_tokens_details: { cached_tokens: 600, cache_write_tokens: 300 },
    });
    expect((await messages()).usage).toMatchObject({
      input_tokens: 100,
      cache_read_input_tokens: 600,
      cache_creation_input_tokens: 300,
      output_tokens: 20,
      output_tokens_details: { thinking_tokens: 5 },
    });
  });
});

describe('a refusal', () => {
  it('comes in the way of each provider', async () => {
    model.next(...times(4, { refusal: 'That I will not do.' }));
    const { choices } = await chat();
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: null, refusal: 'That I will not do.' },
    });
    const streamed = (await chatStream()).map(({ choices }) => choices[0]?.delta.refusal ?? '');
    expect(streamed.join('')).toBe('That I will not do.');
    const { output } = await responses();
    expect(output).toMatchObject([{ content: [{ type: 'refusal', refusal: 'That I will not do.' }] }]);
    expect(await messages()).toMatchObject({ stop_reason: 'refusal', stop_details: { type: 'refusal' } });
  });
});

describe('what the provider tells of itself', () => {
  it('has a request id, the time it took and what is left, by default', async () => {
    const { response } = await chat().withResponse();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-request-id': expect.stringMatching(/^req_/),
      'openai-processing-ms': expect.stringMatching(/^\d+$/),
      'x-ratelimit-remaining-requests': '9999',
      'x-ratelimit-remaining-tokens': '1999000',
      'cf-ray': expect.stringMatching(/^[0-9a-f]{16}-IAD$/),
    });
    const { response: answer, request_id } = await messages().withResponse();
    expect(request_id).toBe(answer.headers.get('request-id'));
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'request-id': expect.stringMatching(/^req_/),
      'anthropic-ratelimit-requests-remaining': '9999',
      'anthropic-ratelimit-tokens-remaining': '1999000',
    });
  });

  it('is what was asked for, and headers by hand go over it', async () => {
    const report = {
      requestId: 'req_7',
      processingMs: 1234,
      remaining: { requests: 3, tokens: 40 },
      region: 'East US 2',
      edge: 'FRA',
    };
    const headers = { 'X-By-Hand': 'yes', 'OpenAI-Version': undefined };
    model.next({ report, headers }, { report, headers });
    const { response } = await responses().withResponse();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-request-id': 'req_7',
      'openai-processing-ms': '1234',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-remaining-tokens': '40',
      'x-ms-region': 'East US 2',
      'cf-ray': expect.stringMatching(/-FRA$/),
      'x-by-hand': 'yes',
    });
    expect(response.headers.has('openai-version')).toBe(false);
    const { response: answer } = await messages().withResponse();
    expect(answer.headers.get('anthropic-ratelimit-requests-remaining')).toBe('3');
  });

  it('tells of the time in its queue in a header, and as Groq does in chat completions', async () => {
    const report = { queueMs: 250 };
    model.next({ report }, { report }, { report });
    const { data, response } = await chat().withResponse();
    expect(response.headers.get('x-queue-time')).toBe('250');
    expect(data).toMatchObject({ usage: { queue_time: 0.25 }, x_groq: { id: data.id } });
    const chunks = await chatStream();
    expect(chunks.at(-1)).toMatchObject({ x_groq: { usage: { queue_time: 0.25, prompt_tokens: expect.any(Number) } } });
    expect((await messages().withResponse()).response.headers.get('x-queue-time')).toBe('250');
  });

  it('has a fingerprint and a service tier', async () => {
    const identity = { systemFingerprint: 'fp_1', serviceTier: 'flex' };
    model.next(identity, identity, identity, { serviceTier: 'priority' });
    expect(await chat()).toMatchObject({ system_fingerprint: 'fp_1', service_tier: 'flex' });
    expect((await chatStream())[0]).toMatchObject({ system_fingerprint: 'fp_1', service_tier: 'flex' });
    expect(await responses()).toMatchObject({ service_tier: 'flex' });
    expect((await messages()).usage.service_tier).toBe('priority');
  });
});

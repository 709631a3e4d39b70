import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModel } from '../src/index.ts';
import type { FinishReason, RunningModel } from '../src/index.ts';
import { clients } from './clients.ts';
import type { Sdk } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

const FINISH: Record<FinishReason, Record<Sdk, string>> = {
  stop: { chat: 'stop', responses: 'completed', messages: 'end_turn', ai: 'stop' },
  tool_calls: { chat: 'tool_calls', responses: 'completed', messages: 'tool_use', ai: 'tool-calls' },
  length: { chat: 'length', responses: 'max_output_tokens', messages: 'max_tokens', ai: 'length' },
  content_filter: { chat: 'content_filter', responses: 'content_filter', messages: 'refusal', ai: 'content-filter' },
};

describe.each(clients)('$name', ({ ask, sdk, streams }) => {
  it('gets a text, the tokens it took, the model that said it and its id', async () => {
    const usage = { input: 900, cached: 512, output: 40, reasoning: 8 };
    model.next({ text: 'All is well.', usage, model: 'another-one', responseId: 'the-id' });
    expect(await ask(model)).toEqual({
      text: 'All is well.',
      tools: [],
      finish: FINISH.stop[sdk],
      model: 'another-one',
      id: 'the-id',
      usage,
    });
    expect(model.requests).toMatchObject([{ streamed: streams, conversation: { tools: ['search'] } }]);
  });

  it('gets tool calls, each with all of its arguments', async () => {
    const one = { query: 'a first query, long enough for several pieces “ü” 🎉' };
    model.next({
      toolCalls: [
        { name: 'search', input: one, id: 'one' },
        { name: 'search', input: { query: '2' } },
      ],
    });
    const { tools, finish, text } = await ask(model);
    expect(tools.map(({ name, input }) => ({ name, input }))).toEqual([
      { name: 'search', input: one },
      { name: 'search', input: { query: '2' } },
    ]);
    expect(tools[0]?.id).toMatch(/^(call|toolu)_one$/);
    expect(tools[1]?.id).not.toBe(tools[0]?.id);
    expect([text, finish]).toEqual(['', FINISH.tool_calls[sdk]]);
  });

  it('gets a text with a tool call after it', async () => {
    model.next({ text: 'I look it up.', toolCalls: [{ name: 'search' }] });
    expect(await ask(model)).toMatchObject({ text: 'I look it up.', tools: [{ name: 'search', input: {} }] });
  });

  it.each(['length', 'content_filter'] as const)('is told that the answer ended by %s', async (finishReason) => {
    model.next({ text: 'As I was say', finishReason });
    expect(await ask(model)).toMatchObject({ text: 'As I was say', finish: FINISH[finishReason][sdk] });
  });

  it('gets a short answer where nothing is said of it, with tokens that were counted', async () => {
    const { text, usage } = await ask(model, { prompt: 'x'.repeat(4000) });
    expect(text).toBe('This is an answer of the stand-in.');
    expect(usage).toMatchObject({ output: 9, cached: 0, reasoning: 0 });
    expect(usage.input).toBeGreaterThan(1000);
    expect(usage.input).toBeLessThan(1100);
  });
});

describe.each(clients.filter(({ streams }) => streams))('$name', ({ ask }) => {
  it('gets the answer in the chunks that were asked for', async () => {
    const came: string[] = [];
    model.next({ text: ['one', ' tw', 'o', ' three'] });
    await ask(model, { onText: (text) => came.push(text) });
    expect(came).toEqual(['one', ' tw', 'o', ' three']);
  });
});

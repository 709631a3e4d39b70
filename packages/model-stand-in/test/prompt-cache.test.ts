import { describe, expect, it } from 'vitest';
import { startModel } from '../src/index.ts';
import type { RunningModel } from '../src/index.ts';
import { anthropicClient, openaiClient } from './clients.ts';

const LONG = 'a long manual '.repeat(800);
const chat = async (model: RunningModel, question: string, system = LONG, name = 'gpt') => {
  const messages = [
    { role: 'system' as const, content: system },
    { role: 'user' as const, content: question },
  ];
  const { usage } = await openaiClient(model).chat.completions.create({ model: name, messages });
  return usage?.prompt_tokens_details?.cached_tokens;
};

describe('the prompt cache of OpenAI', () => {
  it('counts what a prompt begins with and was seen before, in steps of 128 tokens', async () => {
    await using model = await startModel({ promptCache: true });
    expect(await chat(model, 'first?')).toBe(0);
    // 11200 characters and the JSON around them are some 2810 tokens: 21 steps and a bit.
    expect(await chat(model, 'second?')).toBe(2688);
    expect(await chat(model, 'third?', `x${LONG}`)).toBe(0);
    expect(await chat(model, 'fourth?', LONG, 'another-model')).toBe(0);
  });

  it('does not keep a short prompt', async () => {
    await using model = await startModel({ promptCache: true });
    expect([await chat(model, 'x', 'short'), await chat(model, 'x', 'short')]).toEqual([0, 0]);
  });

  it('keeps one as short as it is told', async () => {
    await using model = await startModel({ promptCache: { minimumTokens: 10, stepTokens: 1 } });
    expect(await chat(model, 'x', 'short')).toBe(0);
    expect(await chat(model, 'x', 'short')).toBeGreaterThan(10);
  });

  it('is in responses too, and a behaviour may say otherwise', async () => {
    await using model = await startModel({ promptCache: true });
    const ask = async () => {
      const { usage } = await openaiClient(model).responses.create({ model: 'gpt', input: LONG });
      return usage?.input_tokens_details.cached_tokens;
    };
    expect([await ask(), await ask()]).toEqual([0, 2688]);
    model.next({ usage: { cached: 0 } });
    expect(await ask()).toBe(0);
  });

  it('is off by default', async () => {
    await using model = await startModel();
    expect([await chat(model, 'x'), await chat(model, 'x')]).toEqual([0, 0]);
  });
});

describe('the prompt cache of Anthropic', () => {
  const mark = { cache_control: { type: 'ephemeral' } } as const;
  const text = (text: string, more: object = {}) => ({ type: 'text' as const, text, ...more });
  const ask = async (model: RunningModel, system: object, turns: readonly (readonly object[])[]) => {
    const { usage } = await anthropicClient(model).messages.create({
      model: 'claude',
      max_tokens: 9,
      system: [system as ReturnType<typeof text>],
      messages: turns.map((content) => ({ role: 'user', content: content as ReturnType<typeof text>[] })),
    });
    return [usage.cache_creation_input_tokens, usage.cache_read_input_tokens, usage.input_tokens];
  };

  it('writes what is marked, and reads it the next time', async () => {
    await using model = await startModel({ promptCache: true });
    const [written, none, rest] = await ask(model, text(LONG, mark), [[text('first?')]]);
    expect([written! > 2800, none, rest! < 30]).toEqual([true, 0, true]);
    expect(await ask(model, text(LONG, mark), [[text('other?')]])).toEqual([0, written, rest]);
  });

  it('follows a mark that moves on with the conversation', async () => {
    await using model = await startModel({ promptCache: true });
    const [first] = await ask(model, text(LONG), [[text('first?', mark)]]);
    const [second, read] = await ask(model, text(LONG), [[text('first?')], [text('second?', mark)]]);
    expect(read).toBe(first);
    expect(second).toBeGreaterThan(0);
    expect(second).toBeLessThan(30);
  });

  it('does nothing without a mark', async () => {
    await using model = await startModel({ promptCache: true });
    for (const _ of [1, 2]) {
      expect(await ask(model, text(LONG), [[text('x')]])).toEqual([0, 0, expect.any(Number)]);
    }
  });
});

import { createOpenAI } from '@ai-sdk/openai';
import { cosineSimilarity, embedMany } from 'ai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModel } from '../src/index.ts';
import type { RunningModel } from '../src/index.ts';
import { openaiClient } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

const TEXTS = ['the broker drops messages', 'messages that the broker drops', 'a cat on a roof'];

describe('embeddings', () => {
  it('are the same in both encodings, of length 1, and near each other for texts that share words', async () => {
    const { embeddings: create } = openaiClient(model);
    const decoded = await openaiClient(model).embeddings.create({ model: 'e', input: TEXTS });
    const plain = await create.create({ model: 'e', input: TEXTS, encoding_format: 'float' });
    expect(model.requests.map(({ body }) => body['encoding_format'])).toEqual(['base64', 'float']);
    const [one = [], other = [], unlike = []] = plain.data.map(({ embedding }) => embedding);
    expect(decoded.data.map(({ embedding }) => embedding)).toEqual([one, other, unlike]);
    expect(Math.hypot(...one)).toBeCloseTo(1, 5);
    expect(cosineSimilarity(one, other)).toBeGreaterThan(0.7);
    expect(cosineSimilarity(one, unlike)).toBeLessThan(0.5);
    expect(plain.usage).toEqual({ prompt_tokens: 20, total_tokens: 20 });
  });

  it('have as many dimensions as are asked for, from any kind of input', async () => {
    for (const input of ['text', [1, 2, 3], [[1, 2], [3]]]) {
      const { data } = await openaiClient(model).embeddings.create({ model: 'e', input, dimensions: 12 });
      expect(data.every(({ embedding }) => embedding.length === 12)).toBe(true);
    }
    await expect(
      openaiClient(model).embeddings.create({ model: 'e', input: 'x', dimensions: 1e9 }),
    ).rejects.toMatchObject({ status: 400 });
  });

  it('come to the AI SDK', async () => {
    model.next({ usage: { input: 70 } });
    const embedding = createOpenAI({ baseURL: model.v1, apiKey: 'none' }).textEmbeddingModel('e');
    const { embeddings, usage } = await embedMany({ model: embedding, values: TEXTS });
    expect(embeddings.map(({ length }) => length)).toEqual([256, 256, 256]);
    expect(usage.tokens).toBe(70);
  });
});

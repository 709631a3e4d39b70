import { describe, expect, it } from 'vitest';
import { slow, SLOW_KINDS, startModel, usual } from '../src/index.ts';
import type { SlowKind } from '../src/index.ts';
import { anthropicClient, openaiClient } from './clients.ts';

const MS = 80;

/** What a caller can see of a slow call. */
async function seen(kind: SlowKind | undefined) {
  await using model = await startModel();
  model.next(...(kind === undefined ? [usual()] : slow(kind, { ms: MS, answer: { text: 'one two three' } })));
  const startedAt = performance.now();
  const client = openaiClient(model, 1).chat.completions;
  const stream_options = { include_usage: true };
  const messages = [{ role: 'user' as const, content: 'Hello?' }];
  const { data, response } = await client.create({ model: 'm', messages, stream: true, stream_options }).withResponse();
  let usage;
  let fingerprint;
  for await (const chunk of data) {
    usage = chunk.usage ?? usage;
    fingerprint = chunk.system_fingerprint;
  }
  return {
    ms: performance.now() - startedAt,
    requests: model.requests.length,
    input: usage?.prompt_tokens,
    cached: usage?.prompt_tokens_details?.cached_tokens,
    queue: response.headers.get('x-queue-time'),
    region: response.headers.get('x-ms-region'),
    edge: response.headers.get('cf-ray')?.split('-')[1],
    fingerprint,
  };
}

const USUAL = {
  requests: 1,
  input: 6100,
  cached: 6016,
  queue: null,
  region: 'East US 2',
  edge: 'IAD',
  fingerprint: 'fp_home',
};

describe('a slow call', () => {
  it('is compared with one that is as usual', async () => {
    expect(await seen(undefined)).toMatchObject(USUAL);
  });

  it.each([
    ['long-prompt', { input: 48_200 }],
    ['cold-cache', { cached: 0 }],
    ['busy-provider', { requests: 2, queue: '40' }],
    ['another-region', { region: 'Sweden Central', edge: 'ARN', fingerprint: 'fp_away' }],
  ] as const)('that is slow by %s differs in that alone, and takes as long as the others', async (kind, differs) => {
    const { ms, ...rest } = await seen(kind);
    expect(rest).toEqual({ ...USUAL, ...differs });
    expect(ms).toBeGreaterThanOrEqual(MS - 5);
  });

  it.each(SLOW_KINDS)('by %s comes from Anthropic too', async (kind) => {
    await using model = await startModel();
    model.next(...slow(kind, { ms: 4 }));
    const messages = [{ role: 'user' as const, content: 'Hello?' }];
    const { usage } = await anthropicClient(model, 1).messages.create({ model: 'm', max_tokens: 9, messages });
    expect(usage.cache_read_input_tokens).toBe(kind === 'cold-cache' ? 0 : 6016);
  });
});

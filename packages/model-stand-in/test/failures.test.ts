import Anthropic from '@anthropic-ai/sdk';
import { APICallError } from 'ai';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModel, times } from '../src/index.ts';
import type { Behaviour, RunningModel } from '../src/index.ts';
import { anthropicClient, clients, openaiClient } from './clients.ts';
import type { Client, Sdk } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

/** What an SDK throws. */
async function thrown(ask: Client, more: Parameters<Client>[1] = {}): Promise<unknown> {
  try {
    await ask(model, more);
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}

/** The status and the body of an error, whichever SDK made it. */
function told(error: unknown): { readonly status: unknown; readonly body: string } {
  if (error instanceof OpenAI.APIError) return { status: error.status, body: JSON.stringify(error.error) };
  if (error instanceof Anthropic.APIError) return { status: error.status, body: JSON.stringify(error.error) };
  if (APICallError.isInstance(error)) return { status: error.statusCode, body: error.responseBody ?? '' };
  throw error;
}

describe.each(clients)('$name', ({ ask }) => {
  it.each([400, 401, 404, 429, 500, 503, 529])('sees status %i with the body of the provider', async (status) => {
    model.next({ fail: { by: 'status', status, message: 'Not now.' } });
    const error = told(await thrown(ask));
    expect(error.status).toBe(status);
    expect(error.body).toContain('Not now.');
    expect(await model.requests[0]?.ended).toBe('failed');
  });

  it('tries again as often as it is refused, after the time that it was told, and then gets the answer', async () => {
    model.next(...times(2, { fail: { by: 'status', status: 429, retryAfterMs: 1 } }), { text: 'Now it works.' });
    expect(await ask(model, { maxRetries: 2 })).toMatchObject({ text: 'Now it works.' });
    expect(model.requests).toHaveLength(3);
    expect(await Promise.all(model.requests.map(({ ended }) => ended))).toEqual(['failed', 'failed', 'answered']);
  });

  it('sees the connection break before the headers', async () => {
    model.next({ fail: { by: 'reset' } });
    expect(await thrown(ask)).toMatchObject({ message: expect.stringMatching(/connect/i) });
    expect(await model.requests[0]?.ended).toBe('failed');
  });

  it.each(['reset', 'malformed', 'error-event'] as const)('fails by %s in the middle of the answer', async (by) => {
    model.next({ text: 'one two three four', fail: { by, at: 'chunk:3' } });
    expect(await thrown(ask)).toBeInstanceOf(Error);
    expect(await model.requests[0]?.ended).toBe('failed');
  });
});

describe.each(clients.filter(({ streams }) => !streams))('$name', ({ ask }) => {
  it('gets half an answer where it is cut', async () => {
    model.next({ text: 'one two three four', fail: { by: 'cut' } });
    expect(await thrown(ask)).toBeInstanceOf(Error);
  });

  it('gets an error of the stream as one with a status', async () => {
    model.next({ fail: { by: 'error-event', status: 529, message: 'Not now.' } });
    expect(told(await thrown(ask))).toMatchObject({ status: 529, body: expect.stringContaining('Not now.') });
  });
});

// What each SDK makes of a stream that is over before its last event. OpenAI's helper for responses takes it for an answer.
const CUT: Record<Sdk, RegExp> = {
  chat: /missing finish_reason/,
  responses: /in_progress/,
  messages: /stream ended|without/i,
  ai: /interrupted/,
};

describe.each(clients.filter(({ streams }) => streams))('$name', ({ ask, sdk }) => {
  const outcome = async (behaviour: Behaviour): Promise<{ readonly came: string[]; readonly outcome: string }> => {
    const came: string[] = [];
    model.next({ text: 'one two three four', ...behaviour });
    const result = await ask(model, { onText: (text) => came.push(text) }).then(
      ({ finish }) => `ended by ${finish}`,
      (error: unknown) => `${String(error)} ${JSON.stringify(error)}`,
    );
    return { came, outcome: result };
  };

  it('has got what came before the connection broke', async () => {
    const { came, outcome: error } = await outcome({ fail: { by: 'reset', at: 'chunk:3' } });
    expect(came).toEqual(['one ', 'two ']);
    expect(error).toMatch(/error/i);
  });

  it('has got what came before a stream that ends too early', async () => {
    const result = await outcome({ fail: { by: 'cut', at: 'chunk:3' } });
    expect(result.came).toEqual(['one ', 'two ']);
    expect(result.outcome).toMatch(CUT[sdk]);
  });

  it('has got the whole text where only the last event is missing', async () => {
    const result = await outcome({ fail: { by: 'cut' } });
    expect(result.came.join('')).toBe('one two three four');
    expect(result.outcome).toMatch(CUT[sdk]);
  });

  it('has got what came before an event that is no JSON', async () => {
    const { came, outcome: error } = await outcome({ fail: { by: 'malformed', at: 'chunk:3' } });
    expect(came).toEqual(['one ', 'two ']);
    expect(error).toMatch(/JSON/);
  });

  it('has got what came before an event that says what went wrong', async () => {
    const fail = { by: 'error-event', at: 'chunk:3', status: 529, message: 'Not any more.' } as const;
    const { came, outcome: error } = await outcome({ fail });
    expect(came).toEqual(['one ', 'two ']);
    expect(error).toContain('Not any more.');
  });
});

describe.each([
  ['openai', () => openaiClient(model, 1).embeddings.create({ model: 'e', input: 'x' })],
  ['anthropic', () => anthropicClient(model, 1).messages.create({ model: 'm', max_tokens: 1, messages: [] })],
] as const)('%s', (_, ask) => {
  it('tries again after the connection broke', async () => {
    model.next({ fail: { by: 'reset' } });
    await ask();
    expect(model.requests).toHaveLength(2);
  });

  it('is told in seconds when to try again, and that nothing is left', async () => {
    model.next({ fail: { by: 'status', status: 429, retryAfter: 0 } });
    await ask();
    model.next(...times(2, { fail: { by: 'status', status: 429, retryAfterMs: 1, retryAfter: 3 } }));
    const error = await ask().catch((error: unknown) => error);
    const { headers } = error as { readonly headers: Headers };
    expect(headers.get('retry-after')).toBe('3');
    expect(headers.get('x-ratelimit-remaining-requests') ?? headers.get('anthropic-ratelimit-requests-remaining')).toBe(
      '0',
    );
  });
});

import Anthropic from '@anthropic-ai/sdk';
import type { Attributes } from '@opentelemetry/api';
import { slow, SLOW_KINDS, startModel, usual } from '@throughline/model-stand-in';
import type { RunningModel, SlowKind } from '@throughline/model-stand-in';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { traceAnthropic } from '../src/anthropic.ts';
import { traceOpenAI } from '../src/openai.ts';

let telemetry: Telemetry;
let model: RunningModel;
beforeAll(async () => {
  telemetry = startTelemetry();
  model = await startModel();
});
afterAll(async () => {
  await model.close();
  await telemetry.shutdown();
});

const messages = [{ role: 'user' as const, content: 'Who owns the lineage?' }];

/** How each client asks the same question, streamed. */
const CLIENTS: readonly (readonly [name: string, ask: () => Promise<AsyncIterable<unknown>>])[] = [
  [
    'openai',
    async () =>
      traceOpenAI(new OpenAI({ baseURL: model.v1, apiKey: 'none' })).chat.completions.create({
        model: 'm-openai',
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
  ],
  [
    '@anthropic-ai/sdk',
    async () =>
      traceAnthropic(new Anthropic({ baseURL: model.url, apiKey: 'none' })).messages.create({
        model: 'm-anthropic',
        max_tokens: 100,
        messages,
        stream: true,
      }),
  ],
];

// How long each of them takes.
const MS = 400;

interface Seen {
  readonly attributes: Attributes;
  readonly changed: readonly unknown[];
}

async function seen(ask: () => Promise<AsyncIterable<unknown>>, kind?: SlowKind): Promise<Seen> {
  await telemetry.reset();
  const answer = { text: ['It ', 'is ', 'core.'] };
  model.next(...(kind === undefined ? [usual(answer)] : slow(kind, { ms: MS, answer })));
  for await (const _ of await ask());
  const [span] = telemetry.spans();
  const changes = span?.events.filter(({ name }) => name === 'throughline.model.routing_changed') ?? [];
  return {
    attributes: span?.attributes ?? {},
    changed: changes.map(({ attributes }) => attributes?.['throughline.routing.what']),
  };
}

const INPUT = 'gen_ai.usage.input_tokens';
const CACHED = 'gen_ai.usage.cache_read.input_tokens';
const ATTEMPTS = 'throughline.model.attempts';
const QUEUE = 'throughline.model.queue.time';
const REGION = 'throughline.model.region';

/** What the table in the README says: by which of its attributes and events one call differs from the usual one. */
function kindOf({ attributes, changed }: Seen, usually: Seen): SlowKind | 'usual' {
  if (changed.includes('region')) return 'another-region';
  if (Number(attributes[ATTEMPTS]) > 1 || attributes[QUEUE] !== undefined) return 'busy-provider';
  if (Number(attributes[INPUT]) > 2 * Number(usually.attributes[INPUT])) return 'long-prompt';
  if (attributes[CACHED] === 0 && Number(usually.attributes[CACHED]) > 0) return 'cold-cache';
  return 'usual';
}

it.each(CLIENTS)('four slow calls that look the same as one bar are told apart, by %s', async (name, ask) => {
  const usually = await seen(ask);
  const calls = new Map<SlowKind, Seen>();
  for (const kind of SLOW_KINDS) {
    calls.set(kind, await seen(ask, kind));
    // Back home, so that each is compared with the usual one.
    const after = await seen(ask);
    expect([kind, kindOf({ ...after, changed: [] }, usually)]).toEqual([kind, 'usual']);
  }
  for (const [kind, call] of calls) expect(kindOf(call, usually)).toBe(kind);

  const of = (kind: SlowKind): Seen => calls.get(kind) ?? usually;
  expect(of('long-prompt').attributes).toMatchObject({ [INPUT]: 48_200, [CACHED]: 6_016 });
  expect(of('cold-cache').attributes).toMatchObject({ [INPUT]: 6_100, [CACHED]: 0 });
  for (const kind of ['long-prompt', 'cold-cache'] as const)
    expect(of(kind).attributes['throughline.model.time_to_first_token']).toBeGreaterThan((0.9 * MS) / 1000);
  expect(of('busy-provider').attributes).toMatchObject({ [ATTEMPTS]: 2, [QUEUE]: MS / 2 / 1000 });
  expect(of('busy-provider').attributes['throughline.model.retry.wait']).toBeGreaterThan(0);
  expect(of('another-region').attributes).toMatchObject({ [REGION]: 'Sweden Central', [ATTEMPTS]: 1 });
  expect(of('another-region').changed).toEqual(name === 'openai' ? ['region', 'fingerprint'] : ['region']);
  for (const kind of ['long-prompt', 'cold-cache', 'busy-provider'] as const) expect(of(kind).changed).toEqual([]);
});

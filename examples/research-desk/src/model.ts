/** A stand-in for a model provider: it names the passages that it is shown, in the mood that the demo was asked for. */
import { slow, startModel, times, usual } from '@throughline/model-stand-in';
import type { Behaviour, ModelRequest, SlowKind } from '@throughline/model-stand-in';
import { runProcess } from './agent.ts';
import { mood } from './mood.ts';
import type { Mood } from './mood.ts';

const SLOW_MS = 1500;
/** The moods of one call after the other: a bad day of a provider. */
const MIXED: readonly Mood[] = [
  'well',
  'busy-provider',
  'well',
  'cut-off',
  'well',
  'wrong',
  'well',
  'long-prompt',
  'well',
  'another-region',
  'well',
  'failing',
];
let calls = 0;

/** What it answers well: that all of the passages do. */
function wellFounded({ conversation }: ModelRequest): string {
  const asked = conversation.items.findLast(({ kind }) => kind === 'user');
  const named = (asked !== undefined && 'text' in asked ? asked.text : '').match(/^\[\d+\]/gm) ?? [];
  return `What answers it best is ${named.join(' and then ')}.`;
}

/** Returns what it does with one call, which is several requests where the client tries again. */
function behaviours(request: ModelRequest): Behaviour[] {
  const answer: Behaviour = { text: wellFounded(request) };
  const inMood: Record<Mood, () => Behaviour[]> = {
    well: () => [usual(answer)],
    'long-prompt': () => slowly('long-prompt', answer),
    'cold-cache': () => slowly('cold-cache', answer),
    'busy-provider': () => slowly('busy-provider', answer),
    'another-region': () => slowly('another-region', answer),
    stalling: () => [{ ...usual(answer), wait: { 'chunk:4': SLOW_MS } }],
    'cut-off': () => [{ ...usual(answer), text: 'What answers it best', finishReason: 'length' }],
    wrong: () => [usual({ text: 'What answers it best is [99].' })],
    mixed: () => inMood[MIXED[calls++ % MIXED.length] ?? 'well'](),
    // As often as the SDK tries.
    failing: () => times(3, { fail: { by: 'status', status: 500, message: 'The engine is overloaded.' } }),
  };
  return inMood[mood()]();
}

function slowly(kind: SlowKind, answer: Behaviour): Behaviour[] {
  return slow(kind, { ms: SLOW_MS, answer });
}

await runProcess('model', 'model', async () => {
  // By the prompt: several analysts ask at once, and each may be refused before it is answered.
  const open = new Map<string, Behaviour[]>();
  const model = await startModel({
    answer: (request) => {
      const key = JSON.stringify(request.body);
      const left = open.get(key) ?? behaviours(request);
      const [next = {}, ...rest] = left;
      if (rest.length > 0) open.set(key, rest);
      else open.delete(key);
      return next;
    },
  });
  return { url: model.v1, stop: () => model.close() };
});

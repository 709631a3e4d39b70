import { failsAt, holdsOf } from './behaviour.ts';
import type { Behaviour, Tokens } from './behaviour.ts';
import { isMoment } from './moment.ts';
import { partsOf } from './parts.ts';

/** Throws where a behaviour cannot happen. */
export function checkBehaviour(behaviour: Behaviour): void {
  const { text, refusal, toolCalls, finishReason, usage, wait = {}, fail } = behaviour;
  if (text !== undefined && refusal !== undefined) throw new Error('`text` and `refusal` exclude each other: give one');
  if (finishReason === 'tool_calls' && !toolCalls?.length)
    throw new Error("`finishReason: 'tool_calls'` needs `toolCalls`");
  if (usage !== undefined && usage !== 'absent') checkTokens(usage);
  for (const [at, ms] of Object.entries(wait)) {
    if (at !== 'chunk') checkMoment(behaviour, 'wait', at);
    if (ms === undefined || !(ms >= 0 && ms < 2 ** 31))
      throw new Error(`\`wait\` at ${at} is ${ms}: give milliseconds from 0`);
  }
  for (const { at } of holdsOf(behaviour)) checkMoment(behaviour, 'hold', at);
  if (fail === undefined) return;
  checkMoment(behaviour, 'fail', failsAt(fail));
  if (failsAt(fail) === 'headers' && (fail.by === 'cut' || fail.by === 'malformed' || fail.by === 'error-event')) {
    throw new Error(`\`fail\` by ${fail.by} is in the body: give a later moment than headers`);
  }
  const status = fail.by === 'status' || fail.by === 'error-event' ? (fail.status ?? 500) : 500;
  if (!(Number.isInteger(status) && status >= 400 && status < 600)) {
    throw new Error(`\`fail\` has status ${status}: give one from 400 to 599`);
  }
}

function checkTokens(tokens: Tokens): void {
  for (const [name, count] of Object.entries(tokens)) {
    if (!(Number.isInteger(count) && count >= 0))
      throw new Error(`\`usage.${name}\` is ${count}: give a whole number from 0`);
  }
  const { input = Infinity, cached = 0, cacheWrite = 0, output = Infinity, reasoning = 0 } = tokens;
  if (cached + cacheWrite > input)
    throw new Error('`usage.input` includes `cached` and `cacheWrite`: give the sum or more');
  if (reasoning > output) throw new Error('`usage.output` includes `reasoning`: give as much or more');
}

function checkMoment(behaviour: Behaviour, field: string, at: string): void {
  if (!isMoment(at)) throw new Error(`\`${field}\` is at ${at}: give headers, body, chunk:1 and so on, or end`);
  if (!at.startsWith('chunk:')) return;
  const chunks = partsOf(behaviour).flatMap((part) => part.chunks).length;
  if (Number(at.slice('chunk:'.length)) > chunks) {
    throw new Error(`\`${field}\` is at ${at}, but the answer has ${chunks} chunks: give it more, or come earlier`);
  }
}

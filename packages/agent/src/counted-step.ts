import { context as contextApi } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { ATTR_GEN_AI_AGENT_NAME } from './conventions.ts';
import type { Ending } from './follow-stream.ts';
import { follow } from './follow.ts';
import type { AgentOptions } from './options.ts';
import { ATTR_ATTEMPT } from './own-names.ts';
import type { OpenStep } from './run-step.ts';
import { settingsOf } from './settings.ts';
import type { Settings } from './settings.ts';
import { attemptIn, countAttempt, settleAttempt, turnIn } from './turn.ts';
import type { TurnState } from './turn.ts';

/** Where a step stands: in which turn, under which options, and which attempt of its work it is. */
export interface Place {
  readonly active: Context;
  readonly turn: TurnState | undefined;
  readonly settings: Settings;
  readonly attempt: number;
}

/** Returns where a step stands that starts now. Throws a `ThroughlineError` for options that are wrong. */
export function placeOf(options: AgentOptions | undefined): Place {
  const active = contextApi.active();
  const turn = turnIn(active);
  return { active, turn, settings: settingsOf(options, turn?.settings), attempt: attemptIn(active, turn) };
}

/** Adds whose step it is, and which attempt where it is not the first. */
export function addPlace(attributes: Attributes, { turn, attempt }: Place): void {
  if (turn?.agent !== undefined) attributes[ATTR_GEN_AI_AGENT_NAME] = turn.agent;
  if (attempt > 1) attributes[ATTR_ATTEMPT] = attempt;
}

/** Which of a turn's steps are counted apart. */
export type CountedKind = 'toolCalls' | 'retrievals' | 'inferences';

/** A step that its turn counts. */
export interface CountedStep {
  readonly counts: CountedKind;
  /** What tells the attempts of one work from other work: `tool search`. */
  readonly work: string;
  /** Takes in a chunk, where the result is a stream. */
  chunk?(value: unknown): void;
  /** Ends the step. Returns the class of its failure, if it is one. */
  end(ending: Ending): string | undefined;
  /** Takes the time of it, in seconds. */
  measure(seconds: number, failure: string | undefined): void;
}

/** Returns what `fn` returns, followed to its end: the step ends then, its turn is told how it came out, and it is measured. */
export function followCounted<T>(
  fn: () => T,
  { context }: OpenStep,
  { turn, settings, attempt }: Place,
  step: CountedStep,
): T {
  if (turn !== undefined) {
    turn.sums[step.counts]++;
    countAttempt(turn, attempt);
  }
  const started = performance.now();
  return follow(fn, {
    context,
    abandonMs: settings.abandonMs,
    chunk: (value) => step.chunk?.(value),
    ended: (ending) => {
      const ms = performance.now() - started;
      const failure = step.end(ending);
      if (turn !== undefined)
        settleAttempt(turn, step.work, { attempt, ms, tokens: 0, failed: failure !== undefined }, 0);
      step.measure(ms / 1000, failure);
    },
  });
}

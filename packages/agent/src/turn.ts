import { context as contextApi, createContextKey } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { currentLineage } from '@throughline/core';
import type { OpenStep } from './run-step.ts';
import type { Settings } from './settings.ts';

/** What a turn has taken so far. */
export class TurnSums {
  modelCalls = 0;
  toolCalls = 0;
  retrievals = 0;
  inferences = 0;
  attempts = 0;
  retries = 0;
  /** Calls that failed, of models and tools. */
  failures = 0;
  inputTokens = 0;
  outputTokens = 0;
  cost: number | undefined;
  wastedMs = 0;
  wastedTokens = 0;
  repeatedToolCalls = 0;
  readonly signals: string[] = [];
}

/** What is remembered of the last call of one model or tool, for the attempt after it. */
export interface LastAttempt {
  readonly attempt: number;
  readonly ms: number;
  readonly tokens: number;
  readonly failed: boolean;
}

/** The turn of an agent that runs now. */
export interface TurnState {
  readonly settings: Settings;
  readonly open: OpenStep;
  readonly agent: string | undefined;
  readonly conversationId: string | undefined;
  /** The attempt that the turn is of its caller's. */
  readonly attempt: number;
  readonly sums: TurnSums;
  /** How often each tool was called with the same arguments. */
  readonly calls: Map<string, number>;
  readonly lastAttempts: Map<string, LastAttempt>;
  /** The tools that it must call and has not called yet. */
  readonly toolsMissing: Set<string>;
  ended: boolean;
}

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const turnKey = createContextKey('throughline.agent.turn');

/** Returns the turn that a context runs in. One that has ended is none. */
export function turnIn(context: Context = contextApi.active()): TurnState | undefined {
  const turn = context.getValue(turnKey) as TurnState | undefined;
  return turn === undefined || turn.ended ? undefined : turn;
}

/** Returns `context` as that of a turn. */
export function withTurn(context: Context, turn: TurnState): Context {
  return context.setValue(turnKey, turn);
}

/** Returns which attempt the work in a context is, counted from its turn: see `withAttempt`. */
export function attemptIn(context: Context, turn: TurnState | undefined): number {
  const attempt = currentLineage(context)?.attempt ?? 1;
  return turn === undefined ? attempt : Math.max(1, Math.round(attempt / turn.attempt));
}

// A loop that never gives up must not fill the memory with what it called.
const MAX_REMEMBERED = 1000;

/** Counts a call under `key`, and returns how often it was made. */
export function countCall({ calls }: TurnState, key: string): number {
  const count = (calls.get(key) ?? 0) + 1;
  if (count > 1 || calls.size < MAX_REMEMBERED) calls.set(key, count);
  return count;
}

/** Counts a call, and its attempts but for those of its SDK. */
export function countAttempt({ sums }: TurnState, attempt: number): void {
  sums.attempts++;
  if (attempt > 1) sums.retries++;
}

/**
 * Takes a call that has ended into the sums. An attempt that another one follows came to nothing, and so did one that failed: their time and
 * tokens are wasted. `wastedMs` is what was lost inside of the call, to attempts of its SDK.
 */
export function settleAttempt(
  turn: TurnState,
  key: string,
  { attempt, ms, tokens, failed }: LastAttempt,
  wastedMs: number,
): void {
  const { sums, lastAttempts } = turn;
  const before = lastAttempts.get(key);
  // What failed is wasted already.
  if (before !== undefined && !before.failed && attempt > before.attempt) {
    sums.wastedMs += before.ms;
    sums.wastedTokens += before.tokens;
  }
  if (failed) {
    sums.failures++;
    sums.wastedMs += ms;
    sums.wastedTokens += tokens;
  } else sums.wastedMs += wastedMs;
  if (before !== undefined || lastAttempts.size < MAX_REMEMBERED)
    lastAttempts.set(key, { attempt, ms, tokens, failed });
}

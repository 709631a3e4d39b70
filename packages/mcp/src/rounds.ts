import type { Context, Link, SpanContext } from '@opentelemetry/api';
import { isObject } from './message.ts';
import type { Operation } from './operation.ts';

/** A round of a request whose answer asked for more input. */
interface Round {
  readonly operation: Operation;
  readonly state: string | undefined;
  readonly asked: readonly string[];
  readonly spanContext: SpanContext;
}

// Rounds that nobody answers are forgotten: a caller may decline. The server says what is in one: what is larger is not followed.
const MAX_ROUNDS = 16;
const MAX_STATE = 8192;
const MAX_ASKED = 64;
const MAX_KEY = 128;

/**
 * The rounds of requests of the 2026-07-28 revision: a server that needs something answers with what it asks for, and the
 * client sends the request anew, with the answers. The retry is a request of its own, a sibling of the one before, and links
 * it.
 */
export class Rounds {
  // The SDK retries in the context of the caller.
  readonly #byCaller = new WeakMap<Context, Round[]>();

  /** Remembers a request that was answered with a request for input. */
  keep(caller: Context, operation: Operation, result: unknown, spanContext: SpanContext): void {
    if (!isObject(result) || result['resultType'] !== 'input_required') return;
    const state = result['requestState'];
    const asked = isObject(result['inputRequests']) ? Object.keys(result['inputRequests']) : [];
    if (state !== undefined && (typeof state !== 'string' || state.length > MAX_STATE)) return;
    if (asked.length > MAX_ASKED || asked.some((key) => key.length > MAX_KEY)) return;
    const rounds = this.#byCaller.get(caller) ?? [];
    if (rounds.length === 0) this.#byCaller.set(caller, rounds);
    if (rounds.length === MAX_ROUNDS) rounds.shift();
    rounds.push({ operation, state, asked, spanContext });
  }

  /** Returns the links of a request: to the round before, where it is the only one that this may be the retry of. */
  links(caller: Context, operation: Operation, params: unknown): Link[] | undefined {
    if (!isObject(params)) return undefined;
    const { requestState, inputResponses } = params;
    if (requestState === undefined && inputResponses === undefined) return undefined;
    const rounds = this.#byCaller.get(caller);
    if (rounds === undefined) return undefined;
    const given = isObject(inputResponses) ? Object.keys(inputResponses) : [];
    const before = rounds.filter(
      (round) =>
        round.operation.name === operation.name &&
        round.state === requestState &&
        given.every((key) => round.asked.includes(key)),
    );
    const [round] = before;
    if (round === undefined || before.length > 1) return undefined;
    rounds.splice(rounds.indexOf(round), 1);
    return [{ context: round.spanContext }];
  }
}

import type { Attributes } from '@opentelemetry/api';
import { ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK } from '../conventions.ts';
import {
  ATTR_MODEL_ATTEMPTS,
  ATTR_MODEL_CHUNKS,
  ATTR_MODEL_GENERATION_TIME,
  ATTR_MODEL_LONGEST_GAP,
  ATTR_MODEL_READER_TIME,
  ATTR_MODEL_RETRY_TIME,
  ATTR_MODEL_RETRY_WAIT,
  ATTR_MODEL_SLOWEST_PHASE,
  ATTR_MODEL_STALL_TIME,
  ATTR_MODEL_STALLS,
  ATTR_MODEL_TIME_TO_FIRST_TOKEN,
  ATTR_MODEL_TIME_TO_HEADERS,
  ATTR_MODEL_TIME_TO_REQUEST,
} from '../own-names.ts';

/**
 * When what happened in a model call, in milliseconds of the monotonic clock, as it is seen from outside:
 *
 *     start ─▶ request ─▶ (failed ─▶ wait ─▶ request)… ─▶ headers ─▶ first chunk ─▶ first token ─▶ … stalls … ─▶ end
 */
export class Phases {
  readonly start: number = performance.now();
  attempts = 0;
  firstSent: number | undefined;
  lastSent: number | undefined;
  headers: number | undefined;
  firstChunk: number | undefined;
  firstToken: number | undefined;
  lastChunk: number | undefined;
  end: number | undefined;
  /** Waiting after attempts that failed. */
  retryWait = 0;
  chunks = 0;
  longestGap = 0;
  stalls = 0;
  stallTime = 0;
  /** Between chunks, what the reader took and not the model. */
  readerTime = 0;
  /** Seconds in the provider's queue, where it reports them. */
  queue: number | undefined;

  /** Takes in a chunk that came so long after it was asked for. Returns how long the model stalled before it, or 0. */
  takeChunk(now: number, waited: number, stallMs: number): number {
    this.chunks++;
    const before = this.lastChunk;
    this.lastChunk = now;
    if (before === undefined) {
      this.firstChunk = now;
      return 0;
    }
    this.readerTime += Math.max(0, now - waited - before);
    if (waited > this.longestGap) this.longestGap = waited;
    // Until the first token the model reads the prompt.
    if (waited < stallMs || this.firstToken === undefined) return 0;
    this.stalls++;
    this.stallTime += waited;
    return waited;
  }

  /** Milliseconds that went into attempts in vain. */
  get wasted(): number {
    const { firstSent, lastSent } = this;
    return firstSent === undefined || lastSent === undefined ? 0 : lastSent - firstSent;
  }

  /** The phases as attributes, in seconds. What did not happen is absent. */
  attributes(): Attributes {
    const { start, attempts, firstSent, lastSent, headers, firstChunk, firstToken, lastChunk, stalls } = this;
    const retried = attempts > 1;
    const streamed = firstChunk !== undefined;
    return {
      [ATTR_MODEL_ATTEMPTS]: attempts > 0 ? attempts : undefined,
      [ATTR_MODEL_TIME_TO_REQUEST]: seconds(start, firstSent),
      [ATTR_MODEL_RETRY_TIME]: retried ? this.wasted / 1000 : undefined,
      [ATTR_MODEL_RETRY_WAIT]: retried ? this.retryWait / 1000 : undefined,
      [ATTR_MODEL_TIME_TO_HEADERS]: seconds(lastSent, headers),
      [ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK]: seconds(start, firstChunk),
      [ATTR_MODEL_TIME_TO_FIRST_TOKEN]: seconds(lastSent ?? start, firstToken),
      [ATTR_MODEL_GENERATION_TIME]: streamed ? this.#generation() : undefined,
      [ATTR_MODEL_READER_TIME]: streamed && this.readerTime > 0 ? this.readerTime / 1000 : undefined,
      [ATTR_MODEL_CHUNKS]: streamed ? this.chunks : undefined,
      [ATTR_MODEL_STALLS]: stalls > 0 ? stalls : undefined,
      [ATTR_MODEL_STALL_TIME]: stalls > 0 ? this.stallTime / 1000 : undefined,
      [ATTR_MODEL_LONGEST_GAP]: lastChunk !== firstChunk ? this.longestGap / 1000 : undefined,
      [ATTR_MODEL_SLOWEST_PHASE]: this.#slowest(),
    };
  }

  #generation(): number | undefined {
    const { firstToken, lastChunk } = this;
    const all = seconds(firstToken, lastChunk);
    return all === undefined ? undefined : Math.max(0, all - this.readerTime / 1000);
  }

  #slowest(): string {
    const { start, firstSent, lastSent, firstToken, headers, end, stallTime, readerTime } = this;
    const sent = lastSent ?? start;
    const queue = this.queue ?? 0;
    // A stream reads the prompt until the first token; an answer that comes at once says nothing of when it began.
    const first = firstToken === undefined ? undefined : seconds(sent, firstToken);
    const took = [
      ['request', seconds(start, firstSent) ?? 0],
      ['retries', this.wasted / 1000],
      ['queue', queue],
      ['first_token', first === undefined ? 0 : first - queue],
      ['answer', first === undefined ? (seconds(sent, end ?? headers) ?? 0) - queue : 0],
      ['generation', (this.#generation() ?? 0) - stallTime / 1000],
      ['stalls', stallTime / 1000],
      ['reader', readerTime / 1000],
    ] as const;
    return took.reduce((most, one) => (one[1] > most[1] ? one : most))[0];
  }
}

function seconds(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : (to - from) / 1000;
}

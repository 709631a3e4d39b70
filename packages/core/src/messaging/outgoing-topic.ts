import type { Sending } from '../hop/hop.ts';
import type { Refused } from '../lineage/refusal.ts';
import { guarded } from '../telemetry/guard.ts';
import { failureType } from '../telemetry/outcome.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { describePlace } from './attributes.ts';
import type { Lists } from './carried.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { Sender } from './sender.ts';

/** All messages of one topic in one call, on their way out. */
export class OutgoingTopic {
  readonly topic: string;
  /** The hop of the send; or the one, of the send or of a message, that the chain's limits refused: nothing may go. */
  readonly hop: Sending | Refused;
  /** The messages of each list given, copied where they carry something new. */
  readonly lists: Lists;
  readonly #count: number;
  readonly #sender: Sender;
  readonly #meters: MessagingMetrics | undefined;
  readonly #started: number;
  #ended = false;

  /** `started` is by `performance.now()`, where `meters` measure. */
  constructor(
    topic: string,
    hop: Sending | Refused,
    lists: Lists,
    count: number,
    sender: Sender,
    meters: MessagingMetrics | undefined,
    started: number,
  ) {
    this.topic = topic;
    this.hop = hop;
    this.lists = lists;
    this.#count = count;
    this.#sender = sender;
    this.#meters = meters;
    this.#started = started;
    sender.open.add(this);
  }

  /** Ends the send span of a call that the client answered. */
  sent(answer: unknown): void {
    const { system, places } = this.#sender;
    this.hop.describe((span) => describePlace(span, this.topic, this.#count, places(answer), system));
    this.end();
  }

  /** Ends the send span, and measures the call. */
  end(outcome?: Outcome): void {
    if (this.#ended) return;
    const known = outcome === undefined ? undefined : this.#classified(outcome);
    this.withdraw(known);
    const meters = this.#meters;
    if (meters === undefined) return;
    const seconds = (performance.now() - this.#started) / 1000;
    const what = { operation: 'send', topic: this.topic, errorType: failureType(known) } as const;
    guarded('meter', () => meters.sent(what, this.#count, seconds));
  }

  #classified(outcome: Outcome): Outcome {
    let { errorType } = outcome;
    if (errorType === undefined) guarded('outcome', () => (errorType = this.#sender.errorType(outcome.error)));
    return { ...outcome, errorType };
  }

  /** Ends the send span of a call that is not made. */
  withdraw(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.open.delete(this);
    this.hop.end(outcome);
  }
}

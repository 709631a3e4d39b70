import type { Sending } from '../hop/hop.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { errorType } from '../telemetry/outcome.ts';
import type { Refused } from '../lineage/refusal.ts';
import { describePlace, isDescribed } from './attributes.ts';
import type { Place } from './attributes.ts';
import type { Lists } from './carried.ts';
import { telemetryFailed } from './failed.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { Sender } from './sender.ts';

/** Returns where the broker put the messages of a topic, when that is one partition, as the client's answer says. */
export type PlaceOf = (topic: string, answer: unknown) => Place | undefined;

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
  sent(placeOf: PlaceOf, answer: unknown): void {
    const { span } = this.hop;
    try {
      if (isDescribed(span, this.#sender)) {
        const place = placeOf(this.topic, answer);
        if (place !== undefined) describePlace(span, place, this.#count);
      }
    } catch (thrown) {
      telemetryFailed(thrown);
    }
    this.end();
  }

  /** Ends the send span, and measures the call. */
  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.open.delete(this);
    const error = outcome?.error;
    try {
      const known = outcome?.errorType ?? (error === undefined ? undefined : this.#sender.errorType(error));
      this.hop.end(known === undefined ? outcome : { ...outcome, errorType: known });
      if (this.#meters === undefined) return;
      const type = known ?? (error === undefined ? undefined : errorType(error));
      const seconds = (performance.now() - this.#started) / 1000;
      this.#meters.sent({ operation: 'send', topic: this.topic, errorType: type }, this.#count, seconds);
    } catch (thrown) {
      telemetryFailed(thrown);
    }
  }

  /** Ends the send span of a call that is not made. */
  withdraw(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.open.delete(this);
    this.hop.end(outcome);
  }
}

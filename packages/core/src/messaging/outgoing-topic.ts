import type { Outcome, Sending } from '../hop.ts';
import { errorType } from '../outcome.ts';
import type { Refused } from '../refusal.ts';
import { telemetryFailed } from './failed.ts';
import type { OpenHop } from './open-hops.ts';
import type { Sender } from './sender.ts';

/** All messages of one topic in one call, on their way out. */
export interface Outgoing {
  readonly topic: string;
  /** The hop of the send; or the one, of the send or of a message, that the chain's limits refused: nothing may go. */
  readonly hop: Sending | Refused;
  /** The messages of each list given, copied where they carry something new. */
  readonly lists: readonly (readonly unknown[])[];
  readonly count: number;
  /** Ends the send span, and measures the call. */
  end(outcome?: Outcome): void;
  /** Ends the send span of a call that is not made. */
  withdraw(outcome?: Outcome): void;
}

/** A class, not closures: one is made for every call. */
export class OutgoingTopic implements Outgoing {
  readonly topic: string;
  readonly hop: Sending | Refused;
  readonly lists: readonly (readonly unknown[])[];
  readonly count: number;
  readonly #sender: Sender;
  readonly #started: number;
  readonly #open: OpenHop;
  #ended = false;

  constructor(
    topic: string,
    hop: Sending | Refused,
    lists: readonly (readonly unknown[])[],
    count: number,
    sender: Sender,
    started: number,
  ) {
    this.topic = topic;
    this.hop = hop;
    this.lists = lists;
    this.count = count;
    this.#sender = sender;
    this.#started = started;
    this.#open = sender.open.add(this);
  }

  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    const { open, metrics } = this.#sender;
    open.delete(this.#open);
    const error = outcome?.error;
    try {
      const known = outcome?.errorType ?? (error === undefined ? undefined : this.#sender.errorType(error));
      this.hop.end(known === undefined ? outcome : { ...outcome, errorType: known });
      const meters = metrics();
      if (meters === undefined) return;
      const type = known ?? (error === undefined ? undefined : errorType(error));
      const seconds = (performance.now() - this.#started) / 1000;
      meters.sent({ operation: 'send', topic: this.topic, errorType: type }, this.count, seconds);
    } catch (thrown) {
      telemetryFailed(thrown);
    }
  }

  withdraw(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.open.delete(this.#open);
    this.hop.end(outcome);
  }
}

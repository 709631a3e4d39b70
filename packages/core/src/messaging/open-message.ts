import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { detachedTimer } from '../context/detached.ts';
import type { Received } from '../hop/hop.ts';
import { startInbound } from '../hop/inbound.ts';
import type { Endable } from '../hop/open-hops.ts';
import { refusalOutcome } from '../lineage/refusal.ts';
import type { Refused } from '../lineage/refusal.ts';
import { guarded } from '../telemetry/guard.ts';
import { failureType } from '../telemetry/outcome.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { describeMessage } from './attributes.ts';
import type { MessagingMetrics } from './metrics.ts';
import { processHop } from './receiving.ts';
import type { ReceivedMessage, Receiver } from './receiving.ts';

/**
 * The CONSUMER `process` hop of one message that is handled where no handler is called: in the body of a loop, or until it is
 * acknowledged. It is open until `end`, or until the receiver's client goes, or its `handlerTimeout`.
 */
export class OpenMessage implements Endable {
  readonly hop: Received | Refused;
  readonly #topic: string;
  readonly #partition: number | undefined;
  readonly #receiver: Receiver;
  readonly #meters: MessagingMetrics | undefined;
  readonly #started: number;
  #limit: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(message: ReceivedMessage, receiver: Receiver) {
    const { hop, age } = processHop(message, receiver);
    this.#topic = message.topic;
    this.#partition = message.partition;
    this.#receiver = receiver;
    this.#meters = receiver.metrics();
    this.#started = this.#meters === undefined ? 0 : performance.now();
    this.hop = startInbound(hop, receiver.hop);
    this.hop.describe((span) => describeMessage(span, message.message, receiver, age));
    receiver.open.add(this);
    if (receiver.handlerTimeout !== undefined) this.within(receiver.handlerTimeout);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get context(): Context {
    return this.hop.context;
  }

  /** Gives the span up in so many milliseconds, unless it ends before. */
  within(milliseconds: number): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#limit = milliseconds;
    this.#timer = detachedTimer(() => this.end({ errorType: 'handler_timeout' }), milliseconds);
  }

  /** Starts the time anew after which the span is given up, where there is one: whoever handles the message says that it goes on. */
  prolong(): void {
    if (this.#limit !== undefined) this.within(this.#limit);
  }

  /** Returns what `fn` returns, run in the context of the message. */
  run<T>(fn: () => T): T {
    return contextApi.with(this.context, fn);
  }

  /** Ends the hop. Idempotent. */
  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#receiver.open.delete(this);
    const known = this.#classified(outcome);
    this.hop.end(known);
    const meters = this.#meters;
    if (meters === undefined) return;
    const seconds = (performance.now() - this.#started) / 1000;
    const shown = this.hop.refused === undefined ? known : (known ?? refusalOutcome(this.hop.error));
    const { groupId } = this.#receiver;
    const errorType = failureType(shown);
    const what = { operation: 'process', topic: this.#topic, partition: this.#partition, groupId, errorType } as const;
    guarded('meter', () => meters.processed(what, 1, seconds));
  }

  #classified(outcome: Outcome | undefined): Outcome | undefined {
    if (outcome === undefined || outcome.errorType !== undefined || failureType(outcome) === undefined) return outcome;
    let known: Outcome = outcome;
    guarded('outcome', () => (known = { ...outcome, errorType: this.#receiver.errorType(outcome.error) }));
    return known;
  }
}

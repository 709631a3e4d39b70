import type { Outcome } from '@throughline/core/adapter';
import type { OutgoingTopic } from '@throughline/core/messaging';
import { hear, hearClose } from './channel-state.ts';
import type { ChannelState, Confirmable } from './channel-state.ts';
import type { MessageLike } from './message.ts';

/** A message that the broker is yet to confirm. */
export class Confirmation implements Confirmable {
  readonly #outgoing: OutgoingTopic;
  readonly #traceparent: string | undefined;
  readonly #state: ChannelState;
  #returned: string | undefined;

  /** `traceparent`: by which it is known when the broker returns it. */
  constructor(outgoing: OutgoingTopic, traceparent: string | undefined, state: ChannelState) {
    this.#outgoing = outgoing;
    this.#traceparent = traceparent;
    this.#state = state;
    if (traceparent !== undefined) state.returnable.set(traceparent, this);
  }

  /** The broker has given it back, and confirms it all the same. */
  returned(reason: string): void {
    this.#returned = reason;
  }

  end(outcome: Outcome | undefined): void {
    if (this.#traceparent !== undefined) this.#state.returnable.delete(this.#traceparent);
    this.#outgoing.end(
      outcome ?? (this.#returned === undefined ? undefined : { failed: true, errorType: this.#returned }),
    );
  }
}

interface Confirmed {
  readonly deliveryTag: number;
  readonly multiple: boolean;
}

/** amqplib's own account of what is not confirmed: callbacks from the least tag on. */
interface Unconfirmed {
  readonly lwm?: unknown;
  readonly unconfirmed?: unknown;
}

/** Returns the tag by which the broker will confirm what a channel publishes next; `undefined` where the channel does not say. */
export function nextTag(channel: object): number | undefined {
  const { lwm, unconfirmed } = channel as Unconfirmed;
  return typeof lwm === 'number' && Array.isArray(unconfirmed) ? lwm + unconfirmed.length : undefined;
}

/**
 * Has the channel's confirms end what waits for them. By events, for what has no callback of the caller's: amqplib tells from a
 * missing callback which messages a later `waitForConfirms` has to report as lost.
 */
export function hearConfirms(channel: object, state: ChannelState): void {
  hearClose(channel, state);
  hear(channel, state, 'ack', (confirmed: Confirmed) => confirm(state, confirmed, undefined));
  hear(channel, state, 'nack', (confirmed: Confirmed) =>
    confirm(state, confirmed, { failed: true, errorType: 'nack' }),
  );
}

function confirm({ confirmations }: ChannelState, confirmed: Confirmed, outcome: Outcome | undefined): void {
  const { deliveryTag, multiple } = confirmed;
  const end = (tag: number): void => {
    const confirmation = confirmations.get(tag);
    confirmations.delete(tag);
    confirmation?.end(outcome);
  };
  if (!multiple) return end(deliveryTag);
  for (const tag of confirmations.keys()) if (tag <= deliveryTag) end(tag);
}

interface Returned extends MessageLike {
  readonly fields: MessageLike['fields'] & { readonly replyText?: unknown };
}

/** Has the channel tell which messages the broker could not route: they come back before they are confirmed. */
export function hearReturns(channel: object, state: ChannelState): void {
  hear(channel, state, 'return', ({ fields, properties }: Returned) => {
    const traceparent = (properties.headers as { traceparent?: unknown } | undefined)?.traceparent;
    if (typeof traceparent !== 'string') return;
    state.returnable.get(traceparent)?.returned(typeof fields.replyText === 'string' ? fields.replyText : 'NO_ROUTE');
  });
}

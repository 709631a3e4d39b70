import { OpenHops } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import type { OpenMessage } from '@throughline/core/messaging';
import type { BrokerAddress, MessageLike } from './message.ts';
import { frameRoom } from './room.ts';

/** A message that the broker is yet to confirm, and may return before. */
export interface Confirmable {
  returned(reason: string): void;
  end(outcome: Outcome | undefined): void;
}

/** What is not settled yet of one channel of the client's, whichever wrap of it was used. */
export interface ChannelState {
  /** All hops that have not ended. */
  readonly open: OpenHops;
  /** By delivery tag, in the order in which they were handed over. */
  readonly deliveries: Map<number, OpenMessage>;
  /** By the tag that the broker confirms them by. */
  readonly confirmations: Map<number, Confirmable>;
  /** Those that the broker may return, by the `traceparent` that they hold. */
  readonly returnable: Map<string, Confirmable>;
  /** Queues that go with the connection, so that their names are ids. */
  readonly temporary: Set<string>;
  readonly broker: BrokerAddress | undefined;
  /** How many bytes the frame with a message's headers may have. */
  readonly room: number;
  /** The events that are listened for. */
  readonly heard: Set<string>;
}

const states = new WeakMap<object, ChannelState>();
const temporaryQueues = new WeakMap<object, Set<string>>();

/** Returns the state of a channel. */
export function stateOf(channel: object): ChannelState {
  let state = states.get(channel);
  if (state !== undefined) return state;
  const { connection } = channel as { connection?: unknown };
  state = {
    open: new OpenHops(),
    deliveries: new Map(),
    confirmations: new Map(),
    returnable: new Map(),
    temporary: temporaryOf(connection),
    broker: brokerOf(connection),
    room: frameRoom(connection),
    heard: new Set(),
  };
  states.set(channel, state);
  return state;
}

function temporaryOf(connection: unknown): Set<string> {
  if (typeof connection !== 'object' || connection === null) return new Set();
  let queues = temporaryQueues.get(connection);
  if (queues === undefined) temporaryQueues.set(connection, (queues = new Set()));
  return queues;
}

const MOST_TEMPORARY = 1000;

/**
 * Remembers a queue that goes with its connection. A connection may declare one for each request, of which the broker does not say that it
 * is gone: past so many the first ones are forgotten.
 */
export function addTemporary({ temporary }: ChannelState, queue: string): void {
  temporary.delete(queue);
  temporary.add(queue);
  if (temporary.size <= MOST_TEMPORARY) return;
  for (const first of temporary) return void temporary.delete(first);
}

function brokerOf(connection: unknown): BrokerAddress | undefined {
  try {
    const { stream } = connection as { stream?: { remoteAddress?: unknown; remotePort?: unknown } };
    const { remoteAddress: address, remotePort: port } = stream ?? {};
    if (typeof address !== 'string') return undefined;
    return { address, port: typeof port === 'number' ? port : undefined };
  } catch {
    return undefined;
  }
}

/** Ends what is open when a channel closes: nobody can settle it, and the broker delivers again what it knows of. */
export function hearClose(channel: object, state: ChannelState): void {
  hear(channel, state, 'close', () => {
    state.deliveries.clear();
    state.confirmations.clear();
    state.returnable.clear();
    state.open.abandon();
  });
}

/**
 * Listens for an event of a channel, once, and before all others: what another listener throws keeps those after it from hearing of
 * it. Never for `error`, which nobody who hears it may miss.
 */
export function hear(channel: object, { heard }: ChannelState, event: string, listener: (given: never) => void): void {
  if (heard.has(event)) return;
  heard.add(event);
  const { prependListener } = channel as { prependListener?: (event: string, listener: unknown) => unknown };
  if (typeof prependListener === 'function') prependListener.call(channel, event, listener);
}

/** Ends the messages of a channel up to a tag, or all of them. */
export function settleUpTo({ deliveries }: ChannelState, tag: number, outcome: Outcome | undefined): void {
  for (const [at, message] of deliveries) {
    // One of `get` may stand behind a later one of a consumer, which is not handed over by a promise.
    if (at > tag) continue;
    deliveries.delete(at);
    message.end(outcome);
  }
}

/** Ends one message. */
export function settleOne({ deliveries }: ChannelState, tag: number, outcome: Outcome | undefined): void {
  const message = deliveries.get(tag);
  if (message === undefined) return;
  deliveries.delete(tag);
  message.end(outcome);
}

/** Rejects a message that is refused, without requeue. A channel that is closed has given it back to the broker. */
export function rejectFor(channel: object, state: ChannelState, message: MessageLike): void {
  state.deliveries.delete(message.fields.deliveryTag ?? Number.NaN);
  try {
    (channel as { nack?: (...args: unknown[]) => unknown }).nack?.(message, false, false);
  } catch {
    // It is delivered again.
  }
}

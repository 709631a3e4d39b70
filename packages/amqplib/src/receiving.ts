import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { attachments, whenSettled } from '@throughline/core/adapter';
import { OpenMessage, runRefused, warnIfDoubled } from '@throughline/core/messaging';
import type { Receiver } from '@throughline/core/messaging';
import type { ChannelState } from './channel-state.ts';
import { isServerNamed, processStart } from './destination.ts';
import { sentAt } from './message.ts';
import type { BrokerAddress, MessageLike } from './message.ts';
import type { RefusedPayload } from './options.ts';
import { withRequest } from './request.ts';

/** How what receives knows where its messages come from. */
export interface Source {
  /** The queue; empty where it is not known. */
  readonly queue: string;
  /** Its name is an id. */
  readonly temporary: boolean;
  readonly broker: BrokerAddress | undefined;
}

export type Receiving = Receiver<RefusedPayload>;

/** Returns a function that opens the `process` hop of each message of one source. */
export function opener(source: () => Source, receiver: Receiving): (message: MessageLike) => OpenMessage {
  // Most messages of a source have the destination of the one before: what it says is made once for it.
  let last: { exchange: string; routingKey: string; of: Source; topic: string; by: Receiver } | undefined;
  return (message) => {
    const of = source();
    const { exchange = '', routingKey = '' } = message.fields;
    const isSame =
      last?.exchange === exchange &&
      last.routingKey === routingKey &&
      last.of.queue === of.queue &&
      last.of.temporary === of.temporary;
    if (last === undefined || !isSame) {
      const start = processStart(of.queue, exchange, routingKey, of.temporary);
      last = { exchange, routingKey, of, topic: start.topic, by: { ...receiver, start: () => start } };
    }
    warnIfDoubled(undefined, receiver);
    const { content, fields, properties } = message;
    const received = {
      topic: last.topic,
      timestamp: sentAt(properties.timestamp),
      headers: properties.headers,
      message: { content, fields, properties, broker: of.broker },
    };
    const opened = new OpenMessage(received, last.by);
    contexts.set(message, withRequest(opened.context, message));
    return opened;
  };
}

const contexts = attachments<Context>();

/**
 * Returns the context that a message is handled in, where it came through what is traced here: spans opened in it are children of its
 * `process` span.
 */
export function handlingContext(message: object): Context | undefined {
  return contexts.get(message);
}

/** What a source of a channel's queue is at any time: a queue may be declared, or known to be temporary, later. */
export function sourceOf(queue: unknown, { temporary, broker }: ChannelState): () => Source {
  const name = typeof queue === 'string' ? queue : '';
  return () => ({ queue: name, temporary: isServerNamed(name) || temporary.has(name), broker });
}

/** What is done with a message that was let in, and with one that the limits of its chain refuse. */
export interface Handling {
  /** Calls the user's handler. */
  readonly handle: () => unknown;
  /** Rejects the message, so that a dead-letter exchange gets it. */
  readonly reject: () => void;
  /** Nobody settles the message: the hop ends with the handler. */
  readonly endsWithHandler: boolean;
}

/**
 * Returns what the handler of one message returns, run in the message's hop. What it throws comes out as the same object; a refusal
 * never does, since amqplib would close the channel.
 */
export function handleOpen(
  opened: OpenMessage,
  message: MessageLike,
  queue: string,
  { onRefused }: Receiving,
  { handle, reject, endsWithHandler }: Handling,
): unknown {
  const context = handlingContext(message) ?? opened.context;
  const { hop } = opened;
  if (hop.refused === undefined) {
    return whenSettled(
      () => contextApi.with(context, handle),
      (failed, error) => {
        if (failed) opened.end({ failed, error });
        else if (endsWithHandler) opened.end();
      },
    );
  }
  const over = (): void => {
    reject();
    opened.end();
  };
  if (onRefused === undefined) return over();
  try {
    const result = runRefused(hop, onRefused, { queue, message });
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
      if (endsWithHandler) opened.end();
      return undefined;
    }
    const settled = (): void => {
      if (endsWithHandler) opened.end();
    };
    return (result as PromiseLike<unknown>).then(settled, over);
  } catch {
    // What was to become of the message is not known: it is rejected, as without `onRefused`.
    return over();
  }
}

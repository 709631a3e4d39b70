import { ThroughlineError } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { checkFunction, hopSettings, optionError, remembering } from '@throughline/core/adapter';
import type { HopScope, HopSettings } from '@throughline/core/adapter';
import { receiverSettings, senderSettings } from '@throughline/core/messaging';
import type { OnRefused, Receiver, Sender, SenderOptions } from '@throughline/core/messaging';
import { natsErrorType } from './error-type.ts';
import { mapOf, optionsShape } from './headers.ts';
import type { MessageLike } from './message.ts';
import { sendStarts } from './subjects.ts';
import type { Subjects } from './subjects.ts';
import { nats } from './system.ts';

/** The instrumentation scope of this package's spans. */
export const scope: HopScope = { name: '@throughline/nats', version: '0.0.0' };

/** The options of {@link traceNats}. */
export interface NatsOptions extends HopOptions {
  /**
   * Patterns of subjects, with NATS's own wildcards: the first that a subject matches names its spans, and is their
   * `messaging.destination.template`. For subjects with ids in them, such as `orders.*.paid`. What is received is named by the subject
   * that is subscribed to, where none of these matches; what is sent, by the very subject.
   */
  readonly subjects?: readonly string[] | undefined;
  /** The connection's name: `messaging.client.id`. */
  readonly clientId?: string | undefined;
  /** The prefix of inboxes, where it is not the default and not the one that the connection itself was given. */
  readonly inboxPrefix?: string | undefined;
  /**
   * What to do, in place of the handler or the body of the loop, with a message whose chain of agents is past a limit that `lineage`
   * enforces; it runs in the message's trace, and what it sends is not refused. Default: a request is answered with an error of a NATS
   * service, a message of JetStream is terminated, any other is passed over.
   */
  readonly onRefused?: OnRefused<MessageLike> | undefined;
  /**
   * Milliseconds. The span of a message that is still handled by then ends with `error.type: handler_timeout`; the handling itself
   * goes on. `working()` starts the time anew. Default: never; for a message of JetStream that nothing but its settlement ends,
   * the consumer's `ack_wait`.
   */
  readonly handlerTimeout?: number | undefined;
}

/** The options of {@link traceJetStream}. */
export interface JetStreamOptions extends NatsOptions {
  /**
   * Milliseconds. A message that the stream took longer ago starts a new trace with a link to its own. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
}

/** The options of {@link injectHeaders}. */
export interface InjectOptions extends HopOptions {
  /** The subject that the message goes to, for an outbound policy that asks. */
  readonly subject?: string | undefined;
}

/** A connection's options, checked. */
export interface Settings {
  readonly hop: HopSettings;
  readonly subjects: Subjects;
  /** For messages that nobody answers. */
  readonly sender: Sender;
  /** For requests. */
  readonly requester: Sender;
  /** For one subscription: it gets a `start` of its own. */
  readonly receiver: Receiver<MessageLike>;
  /** What the user does with a refused message. */
  readonly onRefused: OnRefused<MessageLike> | undefined;
}

const OWN: readonly string[] = ['subjects', 'clientId', 'inboxPrefix', 'onRefused', 'handlerTimeout', 'maxParentAge'];

/**
 * Returns the settings of one wrapped connection or JetStream client. `ownPrefix` is the prefix of inboxes that the connection says it has.
 * Throws a `ThroughlineError` for a wrong option.
 */
export function natsSettings(
  options: JetStreamOptions | undefined,
  own: readonly string[] = OWN,
  ownPrefix?: string,
): Settings {
  const hop = hopSettings(options, scope, own);
  const { subjects: patterns, inboxPrefix, clientId, onRefused, handlerTimeout, maxParentAge } = options ?? {};
  checkFunction('onRefused', onRefused, 'a function of the message');
  const subjects: Subjects = {
    patterns: checkedPatterns(patterns),
    inboxPrefix: checkedPrefix(inboxPrefix) ?? ownPrefix,
  };
  const kind = { scope, system: nats, errorType: natsErrorType };
  // What every hop takes is in `hop` already.
  const client: SenderOptions = { clientId, meterProvider: options?.meterProvider };
  const sender: Sender = {
    ...senderSettings(client, { ...kind, shape: optionsShape, places: () => [], suppresses: () => false }),
    hop,
    start: sendStarts('send', subjects),
  };
  const receiver: Receiver<MessageLike> = {
    ...receiverSettings<MessageLike>(
      { ...client, handlerTimeout, maxParentAge },
      { ...kind, messageOf: ({ subject, headers }) => ({ topic: subject, headers: mapOf(headers) }) },
    ),
    hop,
  };
  // One client: what it sends and what it receives goes with it.
  const { open } = receiver;
  return {
    hop,
    subjects,
    sender: { ...sender, open },
    requester: { ...sender, open, start: sendStarts('request', subjects) },
    receiver,
    onRefused,
  };
}

/** `maxParentAge` is JetStream's: messages of NATS itself have no time. */
export const connectionOptions: readonly string[] = OWN.filter((name) => name !== 'maxParentAge');

function checkedPatterns(patterns: unknown): readonly string[] {
  if (patterns === undefined) return [];
  const takes = "a list of subjects, such as ['orders.*.paid']";
  if (!Array.isArray(patterns)) throw optionError('subjects', takes, patterns);
  for (const pattern of patterns as unknown[]) {
    if (typeof pattern !== 'string' || pattern === '' || /\s/.test(pattern))
      throw optionError('subjects', takes, pattern);
  }
  return [...(patterns as string[])];
}

function checkedPrefix(prefix: unknown): string | undefined {
  if (prefix !== undefined && (typeof prefix !== 'string' || prefix === '')) {
    throw optionError('inboxPrefix', "the connection's own `inboxPrefix`, such as '_INBOX_billing'", prefix);
  }
  return prefix;
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  hopSettings(options, scope, ['subject']),
);

/** Returns the error for what is not what a function wraps. */
export function argumentError(message: string): ThroughlineError {
  return new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', message);
}

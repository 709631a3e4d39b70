import { context as contextApi, isSpanContextValid, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Link } from '@opentelemetry/api';
import { carriedContext, messageHeaders, startOutbound } from '@throughline/core';
import type { OutboundHop, Outcome, Sending } from '@throughline/core';
import { areW3C, holdsFields, writeFields } from './carrier.ts';
import type { Fields } from './carrier.ts';
import {
  ATTR_KAFKA_MESSAGE_KEY,
  ATTR_KAFKA_MESSAGE_TOMBSTONE,
  ATTR_KAFKA_OFFSET,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  KAFKA,
} from './conventions.ts';
import { copyWith } from './copy.ts';
import { CreationLinks } from './links.ts';
import { kafkaErrorType, keyText, offsetNumber } from './message.ts';
import type { MessageLike } from './message.ts';
import type { ProducerSettings } from './options.ts';

const MESSAGE_MEMBERS = ['key', 'value', 'partition', 'timestamp', 'headers'];

/** All messages of one topic in one call, on their way out. */
export interface Outgoing {
  readonly topic: string;
  readonly sending: Sending;
  /** The messages of each list given, copied where they carry something new. */
  readonly lists: readonly (readonly unknown[])[];
  readonly count: number;
}

/**
 * Opens the send span of one topic and call, and returns copies of its messages that carry it. The lists, the messages and
 * their headers are not changed; what is not a message stays, for the client to report.
 */
export function startTopic(
  topic: string,
  lists: readonly (readonly unknown[])[],
  settings: ProducerSettings,
): Outgoing {
  const found = carried(lists, settings);
  const hop = topicHop(topic, found);
  if (settings.spanPerMessage) return createEach(hop, lists, found, settings);
  const sending = startOutbound(
    {
      ...hop,
      name: `send ${topic}`,
      kind: SpanKind.PRODUCER,
      attributes: attributesOf(topic, 'send', found.count === 1 ? found.first : undefined, found.count, settings),
      links: found.relayed === undefined ? found.links : undefined,
    },
    settings.hop,
  );
  try {
    return { topic, sending, lists: written(lists, sending, found), count: found.count };
  } catch (error) {
    sending.end();
    throw error;
  }
}

/** Ends the send spans of a call, with where the broker put the messages, or why it did not take them. */
export function endAll(
  outgoing: readonly Outgoing[],
  outcome: { readonly error: unknown } | { readonly value: unknown },
): void {
  for (const one of outgoing) {
    if ('error' in outcome) one.sending.end({ error: outcome.error, errorType: kafkaErrorType(outcome.error) });
    else one.sending.end(placed(one, outcome.value));
  }
}

/** What the messages of a topic hold before we write. */
interface Carried {
  /** Messages in all. */
  readonly count: number;
  readonly first: unknown;
  /** Whether any message holds one of the fields. */
  readonly any: boolean;
  /** Headers with a valid context that is the parent, because no span is active and all messages hold that one. */
  readonly relayed: object | undefined;
  /** Every distinct valid context held. */
  readonly links: readonly Link[] | undefined;
  /** Whether valid contexts stay, because no span is active. */
  readonly stays: boolean;
}

function carried(lists: readonly (readonly unknown[])[], settings: ProducerSettings): Carried {
  let count = 0;
  let first: unknown;
  let held = 0;
  let any = false;
  let example: object | undefined;
  let links: CreationLinks | undefined;
  for (const messages of lists) {
    for (const message of messages) {
      if (count++ === 0) first = message;
      const headers = writableHeaders(message);
      if (headers === undefined || headers === null || !holdsFields(headers)) continue;
      any = true;
      const context = carriedContext(headers, messageHeaders, settings.hop.limits);
      if (context === undefined) continue;
      held++;
      example ??= headers;
      (links ??= new CreationLinks()).add(context);
    }
  }
  const active = any ? trace.getSpanContext(contextApi.active()) : undefined;
  const stays = any && (active === undefined || !isSpanContextValid(active));
  return {
    count,
    first,
    any,
    links: links?.list,
    stays,
    relayed: stays && held === count && links?.list.length === 1 ? example : undefined,
  };
}

function topicHop(topic: string, found: Carried): Pick<OutboundHop, 'transport' | 'target' | 'carrier' | 'reader'> {
  const target = { transport: KAFKA, channel: 'broker', name: topic } as const;
  // The relayed context is the parent. It stays in the headers too, so the hop does not replace it.
  return found.relayed === undefined
    ? { transport: KAFKA, target }
    : { transport: KAFKA, target, carrier: found.relayed, reader: messageHeaders };
}

function written(
  lists: readonly (readonly unknown[])[],
  sending: Sending,
  found: Carried,
): readonly (readonly unknown[])[] {
  if (sending.mode === 'strip' ? !found.any : isEmpty(sending.fields)) return lists;
  const quick = areW3C(sending.fields);
  const fields: Fields = { fields: sending.fields, mode: sending.mode, keepsValid: sending.keepsValid || found.stays };
  const copies: unknown[][] = [];
  for (const messages of lists) {
    const copy: unknown[] = new Array(messages.length);
    for (let at = 0; at < messages.length; at++) copy[at] = messageWith(messages[at], fields, quick);
    copies.push(copy);
  }
  return copies;
}

function messageWith(message: unknown, sending: Fields, quick: boolean): unknown {
  const headers = writableHeaders(message);
  if (headers === null) return message;
  return copyWith(message as object, MESSAGE_MEMBERS, 'headers', writeFields(headers, sending, quick));
}

/** Returns a message's headers, `undefined` where it has none, and `null` where nothing can be written: the client reports that. */
function writableHeaders(message: unknown): object | undefined | null {
  if (typeof message !== 'object' || message === null) return null;
  const { headers } = message as MessageLike;
  return headers === undefined || typeof headers === 'object' ? headers : null;
}

/** A `create` span for each message, and a CLIENT span that sends and links them. */
function createEach(
  hop: ReturnType<typeof topicHop>,
  lists: readonly (readonly unknown[])[],
  found: Carried,
  settings: ProducerSettings,
): Outgoing {
  const topic = hop.target.name as string;
  const keeps = found.stays || settings.hop.options.existing === 'keep';
  const links = new CreationLinks();
  const copies = lists.map((messages) => messages.map((message) => created(message)));
  function created(message: unknown): unknown {
    const headers = writableHeaders(message);
    if (headers === null) return message;
    const held =
      headers !== undefined && found.any ? carriedContext(headers, messageHeaders, settings.hop.limits) : undefined;
    if (held !== undefined && keeps) {
      links.add(held);
      return message;
    }
    const create = startOutbound(
      {
        transport: hop.transport,
        target: hop.target,
        name: `create ${topic}`,
        kind: SpanKind.PRODUCER,
        attributes: attributesOf(topic, 'create', message, 1, settings),
        links: held === undefined ? undefined : [{ context: held }],
      },
      settings.hop,
    );
    create.end();
    links.add(create.span.spanContext());
    const unchanged = create.mode === 'strip' ? headers === undefined || !holdsFields(headers) : isEmpty(create.fields);
    return unchanged ? message : messageWith(message, create, areW3C(create.fields));
  }
  const sending = startOutbound(
    {
      ...hop,
      name: `send ${topic}`,
      kind: SpanKind.CLIENT,
      attributes: attributesOf(topic, 'send', found.count === 1 ? found.first : undefined, found.count, settings),
      links: found.relayed === undefined ? links.list : undefined,
    },
    settings.hop,
  );
  return { topic, sending, lists: copies, count: found.count };
}

function attributesOf(
  topic: string,
  operation: 'send' | 'create',
  message: unknown,
  count: number,
  settings: ProducerSettings,
): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: operation,
    [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
  };
  if (settings.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = settings.clientId;
  if (count !== 1) attributes[ATTR_MESSAGING_BATCH_MESSAGE_COUNT] = count;
  if (typeof message === 'object' && message !== null) {
    const { key, value } = message as MessageLike;
    const text = key === undefined || key === null ? undefined : keyText(key);
    if (text !== undefined) attributes[ATTR_KAFKA_MESSAGE_KEY] = text;
    if (value === null) attributes[ATTR_KAFKA_MESSAGE_TOMBSTONE] = true;
  }
  return attributes;
}

/** What kafkajs resolves with, for each partition. */
interface Metadata {
  readonly topicName?: unknown;
  readonly partition?: unknown;
  readonly baseOffset?: unknown;
}

/** Where the broker put the messages, when that is one partition. */
function placed({ topic, count, sending }: Outgoing, value: unknown): Outcome | undefined {
  if (!Array.isArray(value) || !sending.span.isRecording()) return undefined;
  let only: Metadata | undefined;
  for (const metadata of value as (Metadata | null | undefined)[]) {
    if (metadata?.topicName !== topic) continue;
    if (only !== undefined) return undefined;
    only = metadata;
  }
  if (only === undefined || typeof only.partition !== 'number') return undefined;
  const attributes: Attributes = { [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(only.partition) };
  const offset = count === 1 ? offsetNumber(only.baseOffset) : undefined;
  if (offset !== undefined) attributes[ATTR_KAFKA_OFFSET] = offset;
  return { attributes };
}

function isEmpty(fields: object): boolean {
  for (const _ in fields) return false;
  return true;
}

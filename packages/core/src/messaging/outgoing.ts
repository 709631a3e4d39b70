import { context as contextApi, isSpanContextValid, SpanKind, trace } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier.ts';
import type { CarrierReader } from '../carrier.ts';
import type { OutboundHop, Outcome, Sending } from '../hop.ts';
import { startOutbound } from '../outbound.ts';
import { errorType } from '../outcome.ts';
import type { Refused } from '../refusal.ts';
import type { HopSettings } from '../settings.ts';
import { sendAttributes } from './attributes.ts';
import type { DescribedMessage, MessagingClient } from './attributes.ts';
import { KAFKA } from './conventions.ts';
import { telemetryFailed } from './failed.ts';
import { CreationLinks } from './links.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { OpenHops } from './open-hops.ts';

/** What a hop writes, and how. */
export type WrittenFields = Pick<Sending, 'fields' | 'mode' | 'keepsValid'>;

/** How a client's messages hold their headers. */
export interface MessageShape {
  readonly reader: CarrierReader;
  /** A message's headers, `undefined` where it has none, and `null` where nothing can be written: the client reports that. */
  headers(message: unknown): object | undefined | null;
  /** Whether headers hold `traceparent`, `tracestate` or `baggage` in any letter case. */
  holdsFields(headers: object): boolean;
  /** A copy of the message whose headers, a copy too, hold the fields. `w3c`: the fields are W3C's alone. */
  write(message: object, headers: object | undefined, fields: WrittenFields, w3c: boolean): unknown;
}

/** What the calls of one producer share. */
export interface Sender extends MessagingClient {
  readonly hop: HopSettings;
  readonly shape: MessageShape;
  readonly spanPerMessage: boolean;
  readonly metrics: () => MessagingMetrics | undefined;
  readonly open: OpenHops;
  /** The class of an error that the client knows better than core. */
  readonly errorType: (error: unknown) => string | undefined;
}

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

/**
 * Opens the send span of one topic and call, and returns copies of its messages that carry it. The lists, the messages and
 * their headers are not changed; what is not a message stays, for the client to report.
 */
export function startTopic(
  topic: string,
  lists: readonly (readonly unknown[])[],
  sender: Sender,
  reply?: boolean,
): Outgoing {
  const found = carried(lists, sender);
  const hop = topicHop(topic, found, reply);
  const started = sender.metrics() === undefined ? 0 : performance.now();
  if (sender.spanPerMessage) return createEach(hop, lists, found, sender, started);
  const sending = startOutbound(
    {
      ...hop,
      name: `send ${topic}`,
      kind: SpanKind.PRODUCER,
      attributes: sendAttributes(topic, 'send', found.count === 1 ? found.first : undefined, found.count, sender),
      links: found.relayed === undefined ? found.links : undefined,
      messages: found.count,
    },
    sender.hop,
  );
  try {
    const copies = sending.refused === undefined ? written(lists, sending, found, sender.shape) : lists;
    return new OutgoingTopic(topic, sending, copies, found.count, sender, started);
  } catch (error) {
    sending.end();
    throw error;
  }
}

// A class, not closures: one is made for every call.
class OutgoingTopic implements Outgoing {
  readonly topic: string;
  readonly hop: Sending | Refused;
  readonly lists: readonly (readonly unknown[])[];
  readonly count: number;
  readonly #sender: Sender;
  readonly #started: number;
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
    sender.open.add(this);
  }

  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    const { open, metrics } = this.#sender;
    open.delete(this);
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
    this.#sender.open.delete(this);
    this.hop.end(outcome);
  }
}

/** What the messages of a topic hold before we write. */
interface Carried {
  /** Messages in all. */
  readonly count: number;
  readonly first: DescribedMessage | undefined;
  /** Whether any message holds one of the fields. */
  readonly any: boolean;
  /** Headers with a valid context that is the parent, because no span is active and all messages hold that one. */
  readonly relayed: object | undefined;
  /** Every distinct valid context held. */
  readonly links: readonly Link[] | undefined;
  /** Whether valid contexts stay, because no span is active. */
  readonly stays: boolean;
  readonly reader: CarrierReader;
}

function carried(lists: readonly (readonly unknown[])[], { shape, hop }: Sender): Carried {
  let count = 0;
  let first: unknown;
  let held = 0;
  let any = false;
  let example: object | undefined;
  let links: CreationLinks | undefined;
  for (const messages of lists) {
    for (const message of messages) {
      if (count++ === 0) first = message;
      const headers = shape.headers(message);
      if (headers === undefined || headers === null || !shape.holdsFields(headers)) continue;
      any = true;
      const context = carriedContext(headers, shape.reader, hop.limits);
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
    first: described(first),
    any,
    links: links?.list,
    stays,
    relayed: stays && held === count && links?.list.length === 1 ? example : undefined,
    reader: shape.reader,
  };
}

function described(message: unknown): DescribedMessage | undefined {
  return typeof message === 'object' && message !== null ? message : undefined;
}

type TopicHop = Pick<OutboundHop, 'transport' | 'target' | 'carrier' | 'reader' | 'reply'>;

function topicHop(topic: string, found: Carried, reply: boolean | undefined): TopicHop {
  const target = { transport: KAFKA, channel: 'broker', name: topic } as const;
  // The relayed context is the parent. It stays in the headers too, so the hop does not replace it.
  return found.relayed === undefined
    ? { transport: KAFKA, target, reply }
    : { transport: KAFKA, target, reply, carrier: found.relayed, reader: found.reader };
}

function written(
  lists: readonly (readonly unknown[])[],
  sending: Sending,
  found: Carried,
  shape: MessageShape,
): readonly (readonly unknown[])[] {
  if (sending.mode === 'strip' ? !found.any : isEmpty(sending.fields)) return lists;
  const w3c = areW3C(sending.fields);
  const fields = { fields: sending.fields, mode: sending.mode, keepsValid: sending.keepsValid || found.stays };
  const copies: unknown[][] = [];
  for (const messages of lists) {
    const copy: unknown[] = new Array(messages.length);
    for (let at = 0; at < messages.length; at++) {
      const message = messages[at];
      const headers = shape.headers(message);
      copy[at] = headers === null ? message : shape.write(message as object, headers, fields, w3c);
    }
    copies.push(copy);
  }
  return copies;
}

/** A `create` span for each message, and a CLIENT span that sends and links them. */
function createEach(
  hop: TopicHop,
  lists: readonly (readonly unknown[])[],
  found: Carried,
  sender: Sender,
  started: number,
): Outgoing {
  const topic = hop.target.name as string;
  const name = `create ${topic}`;
  const links = new CreationLinks();
  let refused: Refused | undefined;
  const copies: unknown[][] = [];
  for (const messages of lists) {
    const copy: unknown[] = [];
    for (const message of messages) {
      const created = createOne(hop, name, message, found, sender, links);
      refused = created.refused;
      if (refused !== undefined) break;
      copy.push(created.message);
    }
    if (refused !== undefined) break;
    copies.push(copy);
  }
  if (refused !== undefined) return new OutgoingTopic(topic, refused, lists, found.count, sender, started);
  const sending = startOutbound(
    {
      ...hop,
      name: `send ${topic}`,
      kind: SpanKind.CLIENT,
      attributes: sendAttributes(topic, 'send', found.count === 1 ? found.first : undefined, found.count, sender),
      links: found.relayed === undefined ? links.list : undefined,
      // The messages took their share of the chain's budget when they were created.
      messages: 0,
    },
    sender.hop,
  );
  return new OutgoingTopic(topic, sending, copies, found.count, sender, started);
}

interface Created {
  readonly message: unknown;
  readonly refused?: Refused | undefined;
}

function createOne(
  hop: TopicHop,
  name: string,
  message: unknown,
  found: Pick<Carried, 'any' | 'stays'>,
  sender: Sender,
  links?: CreationLinks,
): Created {
  const { shape } = sender;
  const topic = hop.target.name as string;
  const headers = shape.headers(message);
  if (headers === null) return { message };
  const held =
    headers !== undefined && found.any ? carriedContext(headers, shape.reader, sender.hop.limits) : undefined;
  if (held !== undefined && (found.stays || sender.hop.options.existing === 'keep')) {
    links?.add(held);
    return { message };
  }
  const create = startOutbound(
    {
      transport: hop.transport,
      target: hop.target,
      reply: hop.reply,
      name,
      kind: SpanKind.PRODUCER,
      attributes: sendAttributes(topic, 'create', described(message), 1, sender),
      links: held === undefined ? undefined : [{ context: held }],
    },
    sender.hop,
  );
  create.end();
  if (create.refused !== undefined) return { message, refused: create };
  if (sender.hop.spans) links?.addNew(create.span.spanContext());
  else links?.add(create.span.spanContext());
  const unchanged =
    create.mode === 'strip' ? headers === undefined || !shape.holdsFields(headers) : isEmpty(create.fields);
  return { message: unchanged ? message : shape.write(message as object, headers, create, areW3C(create.fields)) };
}

/**
 * Returns a copy of one message that carries a `create` span of its own, for a client that sends it some time later, together
 * with others. Throws the `LineageError` where the limits of the chain refuse it.
 */
export function createMessage(topic: string, message: unknown, sender: Sender, reply?: boolean): unknown {
  const found = carried([[message]], sender);
  const created = createOne(topicHop(topic, found, reply), `create ${topic}`, message, found, sender);
  if (created.refused !== undefined) throw created.refused.error;
  return created.message;
}

/** Whether the fields of a hop are W3C's alone, and not those of a foreign propagator. */
export function areW3C(fields: Readonly<Record<string, string>>): boolean {
  for (const name in fields) if (name !== 'traceparent' && name !== 'tracestate' && name !== 'baggage') return false;
  return true;
}

function isEmpty(fields: object): boolean {
  for (const _ in fields) return false;
  return true;
}

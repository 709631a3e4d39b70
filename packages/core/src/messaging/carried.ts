import { context as contextApi, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier.ts';
import type { CarrierReader } from '../carrier.ts';
import type { OutboundHop } from '../hop.ts';
import type { DescribedMessage } from './attributes.ts';
import { KAFKA } from './conventions.ts';
import { CreationLinks } from './links.ts';
import type { Sender } from './sender.ts';

/** What the messages of a topic hold before we write. */
export interface Carried {
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

/** Looks at what the messages of one topic hold. */
export function carried(lists: readonly (readonly unknown[])[], { shape, hop }: Sender): Carried {
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

/** Returns a message as far as a span describes it. */
export function described(message: unknown): DescribedMessage | undefined {
  return typeof message === 'object' && message !== null ? message : undefined;
}

/** What the hops of one topic and call share. */
export type TopicHop = Pick<OutboundHop, 'transport' | 'target' | 'carrier' | 'reader' | 'reply'>;

/** Returns what the hops of one topic and call share. */
export function topicHop(topic: string, found: Carried, reply: boolean | undefined): TopicHop {
  const target = { transport: KAFKA, channel: 'broker', name: topic } as const;
  // The relayed context is the parent. It stays in the headers too, so the hop does not replace it.
  return found.relayed === undefined
    ? { transport: KAFKA, target, reply }
    : { transport: KAFKA, target, reply, carrier: found.relayed, reader: found.reader };
}

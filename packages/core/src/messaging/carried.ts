import { context as contextApi, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier/read.ts';
import type { Target } from '../parties.ts';
import type { DescribedMessage } from './attributes.ts';
import { KAFKA } from './conventions.ts';
import { Links } from '../hop/links.ts';
import type { Sender } from './sender.ts';

/** What the messages of a topic hold of the fields before we write. */
export interface Carried {
  /** Headers with a valid context that is the parent, because no span is active and all messages hold that one. */
  readonly relayed: object | undefined;
  /** Every distinct valid context held. */
  readonly links: readonly Link[] | undefined;
  /** Whether valid contexts stay, because no span is active. */
  readonly stays: boolean;
}

/** Returns what the messages of one topic hold, or `undefined` where none of them holds any of the fields, as most do. */
export function carried(lists: Lists, { shape, hop }: Sender): Carried | undefined {
  let count = 0;
  let held = 0;
  let any = false;
  let example: object | undefined;
  let links: Links | undefined;
  for (const messages of lists) {
    for (const message of messages) {
      count++;
      const headers = shape.headers(message);
      if (headers === undefined || headers === null || !shape.holdsFields(headers)) continue;
      any = true;
      const context = carriedContext(headers, shape.reader, hop.limits);
      if (context === undefined) continue;
      held++;
      example ??= headers;
      (links ??= new Links()).add(context);
    }
  }
  if (!any) return undefined;
  const active = trace.getSpanContext(contextApi.active());
  const stays = active === undefined || !isSpanContextValid(active);
  return {
    links: links?.list,
    stays,
    relayed: stays && held === count && links?.list.length === 1 ? example : undefined,
  };
}

/** The messages of one topic, as one or several lists of one call. */
export type Lists = readonly (readonly unknown[])[];

/** Returns a message as far as a span describes it. */
export function described(message: unknown): DescribedMessage {
  return typeof message === 'object' && message !== null ? message : nothing;
}

const nothing: DescribedMessage = {};

/** Returns the target of what goes to a topic. */
export function topicTarget(topic: string | undefined): Target {
  return { transport: KAFKA, channel: 'broker', name: topic };
}

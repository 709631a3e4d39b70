import { context as contextApi, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier/read.ts';
import { sameSpan } from '../hop/hop.ts';
import { Links } from '../hop/links.ts';
import { isRestarted, receiptOf } from '../lineage/state.ts';
import type { Sender } from './sender.ts';

/** What the messages of a topic hold of the fields before we write. */
export interface Carried {
  /** Headers with a valid context that is the parent, because no span is active and all messages hold that one. */
  readonly relayed: object | undefined;
  /** Every distinct valid context held. */
  readonly links: readonly Link[] | undefined;
  /** Whether valid contexts are kept: no span is active, or the options say so; and they are not what a restarted hop was offered. */
  readonly keepsValid: boolean;
  /** All messages carry what the hop was offered that runs: it sends on what came in, as a retry or a dead letter. */
  readonly forward: boolean;
}

/** Returns what the messages of one topic hold, or `undefined` where none of them holds any of the fields, as most do. */
export function carried(lists: Lists, { shape, hop }: Sender): Carried | undefined {
  let count = 0;
  let held = 0;
  let any = false;
  let example: object | undefined;
  let links: Links | undefined;
  const choice = hop.propagator();
  const foreign = choice.kind === 'foreign' ? choice.fields : undefined;
  for (const messages of lists) {
    for (const message of messages) {
      count++;
      const headers = shape.headers(message);
      if (headers === undefined || headers === null || !shape.holdsFields(headers, foreign)) continue;
      any = true;
      const context = carriedContext(headers, shape.reader, hop.limits);
      if (context === undefined) continue;
      held++;
      example ??= headers;
      (links ??= new Links()).add(context);
    }
  }
  if (!any) return undefined;
  const active = contextApi.active();
  const span = trace.getSpanContext(active);
  const keptOut = isRestarted(active);
  const relays = !keptOut && (span === undefined || !isSpanContextValid(span));
  const only = held === count && links?.list.length === 1 ? links.list[0] : undefined;
  const receipt = receiptOf(active);
  const offered = receipt?.offered;
  return {
    links: receipt?.policy === 'restart' ? undefined : links?.list,
    keepsValid: relays || (!keptOut && hop.options.existing === 'keep'),
    relayed: relays && only !== undefined ? example : undefined,
    forward: only !== undefined && offered !== undefined && sameSpan(only.context, offered),
  };
}

/** The messages of one topic, as one or several lists of one call. */
export type Lists = readonly (readonly unknown[])[];

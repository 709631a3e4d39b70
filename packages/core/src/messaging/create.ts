import { SpanKind } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier/read.ts';
import { startOutbound } from '../hop/outbound.ts';
import type { Refused } from '../lineage/refusal.ts';
import { describeMessage, sendAttributes } from './attributes.ts';
import { carried } from './carried.ts';
import type { Carried, Lists } from './carried.ts';
import { Links } from '../hop/links.ts';
import { isEmpty } from './message-shape.ts';
import type { Sender } from './sender.ts';
import { topicTarget } from './topic-start.ts';

/** What each message of a topic became. */
export interface CreatedMessages {
  readonly lists: Lists;
  readonly links: readonly Link[];
  /** The refusal of one, by the limits of the chain: nothing may go. */
  readonly refused: Refused | undefined;
}

/** Opens and ends a `create` span for each message, and returns copies that carry them. `found`: what they hold already. */
export function createEach(
  topic: string,
  lists: Lists,
  found: Carried | undefined,
  sender: Sender,
  reply: boolean | undefined,
): CreatedMessages {
  const links = new Links();
  const one = creator(topic, found, sender, reply, links);
  const copies: unknown[][] = [];
  for (const messages of lists) {
    const copy: unknown[] = [];
    for (const message of messages) {
      const created = one(message);
      if (created.refused !== undefined) return { lists, links: links.list, refused: created.refused };
      copy.push(created.message);
    }
    copies.push(copy);
  }
  return { lists: copies, links: links.list, refused: undefined };
}

/**
 * Returns a copy of one message that carries a `create` span of its own, for a client that sends it some time later, together
 * with others. Throws the `LineageError` where the limits of the chain refuse it.
 */
export function createMessage(topic: string, message: unknown, sender: Sender, reply?: boolean): unknown {
  const created = creator(topic, carried([[message]], sender), sender, reply)(message);
  if (created.refused !== undefined) throw created.refused.error;
  return created.message;
}

interface Created {
  readonly message: unknown;
  readonly refused?: Refused | undefined;
}

/** Returns a function that creates one message after the other, and adds their contexts to `links`. */
function creator(
  topic: string,
  found: Carried | undefined,
  sender: Sender,
  reply: boolean | undefined,
  links?: Links,
): (message: unknown) => Created {
  const { shape, hop, system } = sender;
  const name = `create ${topic}`;
  const target = topicTarget(topic, system);
  // Whoever starts a span copies them.
  const attributes = sendAttributes(topic, 'create', system);
  return (message) => {
    const headers = shape.headers(message);
    if (headers === null) return { message };
    const held =
      headers === undefined || found === undefined ? undefined : carriedContext(headers, shape.reader, hop.limits);
    if (held !== undefined && found?.keepsValid === true) {
      links?.add(held);
      return { message };
    }
    const create = startOutbound(
      {
        transport: system.transport,
        name,
        kind: SpanKind.PRODUCER,
        attributes,
        target,
        links: held === undefined || found?.links === undefined ? undefined : [{ context: held }],
        reply,
        forward: found?.forward,
      },
      hop,
    );
    create.describe((span) => describeMessage(span, message, sender));
    create.end();
    if (create.refused !== undefined) return { message, refused: create };
    links?.add(create.span.spanContext());
    const unchanged =
      (create.mode === 'strip' || isEmpty(create.fields)) &&
      (headers === undefined || !shape.holdsFields(headers, create.foreign));
    return { message: unchanged ? message : shape.writer(create, 1)(message as object, headers) };
  };
}

import { SpanKind } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier/read.ts';
import { startOutbound } from '../hop/outbound.ts';
import type { Refused } from '../lineage/refusal.ts';
import { describeMessage, sendAttributes } from './attributes.ts';
import { carried, described, topicTarget } from './carried.ts';
import type { Carried, Lists } from './carried.ts';
import { KAFKA } from './conventions.ts';
import { Links } from '../hop/links.ts';
import { asBytes, fieldsKind } from './message-shape.ts';
import type { Sender } from './sender.ts';

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
  let count = 0;
  for (const messages of lists) count += messages.length;
  const one = creator(topic, found, sender, reply, count, links);
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
  const created = creator(topic, carried([[message]], sender), sender, reply, 1)(message);
  if (created.refused !== undefined) throw created.refused.error;
  return created.message;
}

interface Created {
  readonly message: unknown;
  readonly refused?: Refused | undefined;
}

/** Returns a function that creates one of `count` messages after the other, and adds their contexts to `links`. */
function creator(
  topic: string,
  found: Carried | undefined,
  sender: Sender,
  reply: boolean | undefined,
  count: number,
  links?: Links,
): (message: unknown) => Created {
  const { shape, hop } = sender;
  const name = `create ${topic}`;
  const target = topicTarget(topic);
  // Whoever starts a span copies them.
  const attributes = sendAttributes(topic, 'create');
  return (message) => {
    const headers = shape.headers(message);
    if (headers === null) return { message };
    const held =
      headers === undefined || found === undefined ? undefined : carriedContext(headers, shape.reader, hop.limits);
    if (held !== undefined && (found?.stays === true || hop.options.existing === 'keep')) {
      links?.add(held);
      return { message };
    }
    const create = startOutbound(
      {
        transport: KAFKA,
        name,
        kind: SpanKind.PRODUCER,
        attributes,
        target,
        links: held === undefined ? undefined : [{ context: held }],
        reply,
      },
      hop,
    );
    describeMessage(create.span, described(message), sender);
    create.end();
    if (create.refused !== undefined) return { message, refused: create };
    if (hop.spans) links?.add(create.span.spanContext());
    else links?.add(create.span.spanContext());
    const values = count < shape.bytesFrom ? create.fields : asBytes(create.fields);
    const kind = fieldsKind(values);
    const unchanged = create.mode === 'strip' ? headers === undefined || !shape.holdsFields(headers) : kind === 'none';
    if (unchanged) return { message };
    const write = kind === 'w3c' && found === undefined ? shape.plainWriter(values) : shape.writer(create);
    return { message: write(message as object, headers) };
  };
}

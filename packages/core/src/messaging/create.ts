import { SpanKind } from '@opentelemetry/api';
import type { Link } from '@opentelemetry/api';
import { carriedContext } from '../carrier.ts';
import { startOutbound } from '../outbound.ts';
import type { Refused } from '../refusal.ts';
import { sendAttributes } from './attributes.ts';
import { carried, described, topicHop } from './carried.ts';
import type { Carried, TopicHop } from './carried.ts';
import { CreationLinks } from './links.ts';
import { areW3C, isEmpty } from './message-shape.ts';
import type { Sender } from './sender.ts';

/** What each message of a topic became. */
export interface CreatedMessages {
  readonly lists: readonly (readonly unknown[])[];
  readonly links: readonly Link[];
  /** The refusal of one, by the limits of the chain: nothing may go. */
  readonly refused: Refused | undefined;
}

/** Opens and ends a `create` span for each message, and returns copies that carry them. */
export function createEach(
  hop: TopicHop,
  lists: readonly (readonly unknown[])[],
  found: Carried,
  sender: Sender,
): CreatedMessages {
  const name = `create ${hop.target.name as string}`;
  const links = new CreationLinks();
  const copies: unknown[][] = [];
  for (const messages of lists) {
    const copy: unknown[] = [];
    for (const message of messages) {
      const created = createOne(hop, name, message, found, sender, links);
      if (created.refused !== undefined) return { lists, links: links.list, refused: created.refused };
      copy.push(created.message);
    }
    copies.push(copy);
  }
  return { lists: copies, links: links.list, refused: undefined };
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

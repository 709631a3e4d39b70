import { SpanKind } from '@opentelemetry/api';
import type { WrittenFields } from '../carrier/write.ts';
import type { Sending } from '../hop/hop.ts';
import { startOutbound } from '../hop/outbound.ts';
import { describeMessage, describeMessages } from './attributes.ts';
import { carried } from './carried.ts';
import type { Carried, Lists } from './carried.ts';
import { createEach } from './create.ts';
import { isEmpty } from './message-shape.ts';
import type { MessageShape } from './message-shape.ts';
import { OutgoingTopic } from './outgoing-topic.ts';
import type { Sender } from './sender.ts';

/**
 * Opens the send span of one topic and call, and returns copies of its messages that carry it, or a `create` span of their own
 * each, which the send span links. The lists, the messages and their headers are not changed; what is not a message stays,
 * for the client to report.
 */
export function startTopic(topic: string, lists: Lists, sender: Sender, reply?: boolean): OutgoingTopic {
  const found = carried(lists, sender);
  let count = 0;
  for (const messages of lists) count += messages.length;
  const meters = sender.metrics();
  const started = meters === undefined ? 0 : performance.now();
  const created = sender.spanPerMessage ? createEach(topic, lists, found, sender, reply) : undefined;
  if (created?.refused !== undefined)
    return new OutgoingTopic(topic, created.refused, lists, count, sender, meters, started);
  // The relayed context is the parent. It stays in the headers too, so the hop does not replace it.
  const relayed = found?.relayed;
  const { name, attributes, target } = sender.start(topic);
  const sending = startOutbound(
    {
      transport: sender.system.transport,
      name,
      kind: created === undefined ? SpanKind.PRODUCER : SpanKind.CLIENT,
      attributes,
      target,
      carrier: relayed,
      reader: relayed === undefined ? undefined : sender.shape.reader,
      links: relayed === undefined ? (created ?? found)?.links : undefined,
      reply,
      forward: found?.forward,
      // What was created took its share of the chain's budget then.
      messages: created === undefined ? count : 0,
    },
    sender.hop,
  );
  sending.describe((span) =>
    count === 1 ? describeMessage(span, onlyOne(lists), sender) : describeMessages(span, count, sender),
  );
  try {
    const copies =
      created?.lists ?? (sending.refused === undefined ? written(lists, count, sending, found, sender.shape) : lists);
    return new OutgoingTopic(topic, sending, copies, count, sender, meters, started);
  } catch (error) {
    sending.end();
    throw error;
  }
}

function onlyOne(lists: Lists): unknown {
  for (const messages of lists) if (messages.length === 1) return messages[0];
  return undefined;
}

// With no span active a valid context that is there stays.
function writtenOver(found: Carried | undefined, sending: Sending): WrittenFields {
  if (found?.keepsValid !== true || sending.keepsValid) return sending;
  return { fields: sending.fields, mode: sending.mode, keepsValid: true, foreign: sending.foreign };
}

function written(
  lists: Lists,
  count: number,
  sending: Sending,
  found: Carried | undefined,
  shape: MessageShape,
): Lists {
  const { mode } = sending;
  const isEmptyHanded = mode === 'strip' || isEmpty(sending.fields);
  if (isEmptyHanded && (found === undefined || mode === 'keep')) return lists;
  const write = shape.writer(writtenOver(found, sending), count);
  return lists.map((messages) =>
    messages.map((message) => {
      const headers = shape.headers(message);
      return headers === null ? message : write(message as object, headers);
    }),
  );
}

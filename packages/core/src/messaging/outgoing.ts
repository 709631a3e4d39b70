import { SpanKind } from '@opentelemetry/api';
import type { Sending } from '../hop.ts';
import { startOutbound } from '../outbound.ts';
import { sendAttributes } from './attributes.ts';
import { carried, topicHop } from './carried.ts';
import type { Carried } from './carried.ts';
import { createEach } from './create.ts';
import { areW3C, isEmpty } from './message-shape.ts';
import type { MessageShape } from './message-shape.ts';
import { OutgoingTopic } from './outgoing-topic.ts';
import type { Outgoing } from './outgoing-topic.ts';
import type { Sender } from './sender.ts';

/**
 * Opens the send span of one topic and call, and returns copies of its messages that carry it, or a `create` span of their own
 * each, which the send span links. The lists, the messages and their headers are not changed; what is not a message stays,
 * for the client to report.
 */
export function startTopic(
  topic: string,
  lists: readonly (readonly unknown[])[],
  sender: Sender,
  reply?: boolean,
): Outgoing {
  const found = carried(lists, sender);
  const { count } = found;
  const hop = topicHop(topic, found, reply);
  const started = sender.metrics() === undefined ? 0 : performance.now();
  const created = sender.spanPerMessage ? createEach(hop, lists, found, sender) : undefined;
  if (created?.refused !== undefined) return new OutgoingTopic(topic, created.refused, lists, count, sender, started);
  const sending = startOutbound(
    {
      ...hop,
      name: `send ${topic}`,
      kind: created === undefined ? SpanKind.PRODUCER : SpanKind.CLIENT,
      attributes: sendAttributes(topic, 'send', count === 1 ? found.first : undefined, count, sender),
      links: found.relayed === undefined ? (created ?? found).links : undefined,
      // What was created took its share of the chain's budget then.
      messages: created === undefined ? count : 0,
    },
    sender.hop,
  );
  try {
    const copies =
      created?.lists ?? (sending.refused === undefined ? written(lists, sending, found, sender.shape) : lists);
    return new OutgoingTopic(topic, sending, copies, count, sender, started);
  } catch (error) {
    sending.end();
    throw error;
  }
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

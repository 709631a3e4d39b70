import type { MessagingSystem } from '@throughline/core/messaging';
import { ATTR_DELIVERY_COUNT, ATTR_MESSAGING_MESSAGE_ID, ATTR_STREAM, MESSAGE_ID } from './conventions.ts';
import { headerOf } from './message.ts';
import type { JetStreamMessageLike } from './message.ts';

/** NATS, for all of its clients. */
export const nats: MessagingSystem = {
  name: 'nats',
  transport: 'nats',
  describe(span, message) {
    const { headers, info, msgID } = message as Partial<JetStreamMessageLike> & { readonly msgID?: unknown };
    const id = msgID ?? headerOf(headers, MESSAGE_ID);
    if (typeof id === 'string' && id !== '') span.setAttribute(ATTR_MESSAGING_MESSAGE_ID, id);
    if (typeof info !== 'object') return;
    span.setAttribute(ATTR_STREAM, info.stream);
    span.setAttribute(ATTR_DELIVERY_COUNT, info.deliveryCount);
  },
};

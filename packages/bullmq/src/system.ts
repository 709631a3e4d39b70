import type { MessagingSystem } from '@throughline/core/messaging';
import { ATTR_JOB_NAME, ATTR_MESSAGING_MESSAGE_ID } from './conventions.ts';
import type { JobLike } from './job.ts';

/** BullMQ, as the messaging conventions have it. */
export const bullmq: MessagingSystem = {
  name: 'bullmq',
  transport: 'bullmq',
  describe(span, message) {
    const { id, name } = message as JobLike;
    if (typeof id === 'string') span.setAttribute(ATTR_MESSAGING_MESSAGE_ID, id);
    if (typeof name === 'string') span.setAttribute(ATTR_JOB_NAME, name);
  },
};

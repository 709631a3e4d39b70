import type { Refused } from '@throughline/core';
import { refuseRequest } from '@throughline/core/http';
import type { ReplyLike } from './fastify.ts';

/**
 * Answers a request that is past a limit of its chain, and ends its hop. It is a reply like any other and runs through the hooks, but
 * not through the response schema of the route, which knows nothing of such an answer.
 */
export function refuse(reply: ReplyLike, refused: Refused): void {
  const { status, contentType, body } = refuseRequest(refused);
  reply
    .code(status)
    .type(contentType)
    .serializer((payload) => JSON.stringify(payload))
    .send(JSON.parse(body));
}

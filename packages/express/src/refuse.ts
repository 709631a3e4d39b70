import type { ServerResponse } from 'node:http';
import type { Refused } from '@throughline/core';
import { refuseRequest } from '@throughline/core/http';

/** Answers a request that is past a limit of its chain, and ends its hop. */
export function refuse(res: ServerResponse, refused: Refused): void {
  const { status, contentType, body } = refuseRequest(refused);
  if (res.headersSent) return;
  res.statusCode = status;
  res.setHeader('Content-Type', contentType);
  res.end(body);
}

import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Refused } from '@throughline/core';
import { ATTR_HTTP_RESPONSE_STATUS_CODE } from '@throughline/core/http';

/**
 * Answers a request that is past a limit of its chain: 504 past the deadline, else 508 Loop Detected, with a problem document
 * (RFC 9457) that a person or a model can act on. Ends the hop.
 */
export function refuse(res: ServerResponse, refused: Refused): void {
  const status = refused.refused === 'deadline' ? 504 : 508;
  refused.end({
    attributes: { [ATTR_HTTP_RESPONSE_STATUS_CODE]: status },
    error: refused.error,
    errorType: String(status),
  });
  if (res.headersSent) return;
  const { hops, maxHops } = refused.error.lineage;
  const problem = {
    type: `urn:throughline:refused:${refused.refused}`,
    title: STATUS_CODES[status],
    status,
    detail: refused.message,
    hops,
    maxHops,
  };
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/problem+json');
  res.end(JSON.stringify(problem));
}

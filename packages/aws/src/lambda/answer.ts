import { answerField, warnOnce } from '@throughline/core/adapter';
import type { RefusalAnswer } from '@throughline/core/http';
import { isObject } from './event.ts';
import type { Loose } from './event.ts';
import type { Request } from './request.ts';

/** Returns the status that an answer has: what is no structured answer is one of 200. */
export function statusOf(result: unknown): number {
  try {
    const status = isObject(result) ? result['statusCode'] : undefined;
    return Number(status ?? 200) || 200;
  } catch {
    return 200;
  }
}

/**
 * Returns a copy of an answer with a header, where it is a structured one. Others API Gateway makes a structured one of by rules of its own.
 */
export function withHeader(result: unknown, name: string, value: string, { multi }: Request): unknown {
  try {
    if (!isObject(result) || result['statusCode'] === undefined) return result;
    const member = multi ? 'multiValueHeaders' : 'headers';
    const headers = (result[member] ?? {}) as Loose;
    return { ...result, [member]: { ...headers, [name]: multi ? [value] : value } };
  } catch {
    warnOnce('lambda-answer', `the answer of a Lambda function could not be read, so it has no ${answerField}.`);
    return result;
  }
}

/** Returns the answer to a request that is refused, as API Gateway, a function URL or a load balancer takes it. */
export function refusalAnswer({ status, contentType, body }: RefusalAnswer, { multi, alb }: Request): object {
  const headers = multi
    ? { multiValueHeaders: { 'content-type': [contentType] } }
    : { headers: { 'content-type': contentType } };
  const description = alb
    ? { statusDescription: `${status} ${status === 504 ? 'Gateway Timeout' : 'Loop Detected'}` }
    : {};
  return { statusCode: status, ...description, ...headers, body, isBase64Encoded: false };
}

/** The three topics of one kind of message, and what its headers say on the way through them. */
import type { IHeaders, KafkaMessage } from 'kafkajs';

export interface Topics {
  readonly work: string;
  readonly retry: string;
  readonly dead: string;
}

export function topicsOf(work: string): Topics {
  return { work, retry: `${work}.retry`, dead: `${work}.dead` };
}

export const ATTEMPTS = 3;
const FIRST_DELAY = 200;

/** How often a message has been tried, this time included. */
export function attemptOf({ headers }: KafkaMessage): number {
  return Number(headers?.['attempt']?.toString() ?? 1);
}

/** Headers that tell the retry topic when to give a message back: 200 ms after the first failure, then twice as long. */
export function retryHeaders(attempt: number): IHeaders {
  return { attempt: String(attempt + 1), 'not-before': String(Date.now() + FIRST_DELAY * 2 ** (attempt - 1)) };
}

/** When a message may be tried again, in milliseconds since 1970. */
export function notBefore({ headers }: KafkaMessage): number {
  return Number(headers?.['not-before']?.toString() ?? 0);
}

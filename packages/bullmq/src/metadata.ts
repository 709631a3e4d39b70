/*
 * A job keeps its trace context as JSON text in its options, `tm` in Redis: the fields of the propagator by their names, as bullmq-otel
 * writes them too. Of a job that failed and is tried again it also says which attempt comes next.
 *
 *     {"traceparent":"00-…-01","baggage":"…","retry":"2 1 41"}
 *                                                     │ │ └─ the job's id, so that a copy of the text is no retry
 *                                                     │ └─── how often it was started by then, 0 where that was not known
 *                                                     └───── the number of the attempt
 */

/** A job that failed, and which attempt comes next. */
export interface Retry {
  readonly attempt: number;
  readonly starts: number;
  readonly jobId: string;
}

// A limit for what is parsed; each field has a tighter one of its own.
const MAX_LENGTH = 1_048_576;

/** Returns the fields that the metadata of a job holds. What is no metadata is text, so that it counts as a carrier that is broken. */
export function parseMetadata(metadata: unknown): object | undefined {
  if (typeof metadata !== 'string' || metadata === '') return undefined;
  if (metadata.length > MAX_LENGTH) return broken;
  try {
    const fields: unknown = JSON.parse(metadata);
    return typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : broken;
  } catch {
    return broken;
  }
}

// A `traceparent` that is there and cannot be read.
const broken: object = Object.freeze({ traceparent: 'broken' });

/** Returns fields as the metadata of a job; empty text, which BullMQ takes for none, where there are none. */
export function formatMetadata(fields: Readonly<Record<string, string>>, retry?: Retry): string {
  for (const name in fields) {
    if (!Object.hasOwn(fields, name)) continue;
    return JSON.stringify(retry === undefined ? fields : { ...fields, retry: formatRetry(retry) });
  }
  return '';
}

function formatRetry({ attempt, starts, jobId }: Retry): string {
  return `${attempt} ${starts} ${jobId}`;
}

/** Returns which attempt of the job with this id the fields say that it is; `undefined` where they say it of none, or another. */
export function retryOf(fields: object | undefined, jobId: string | undefined): Retry | undefined {
  if (fields === undefined || jobId === undefined || !Object.hasOwn(fields, 'retry')) return undefined;
  const { retry } = fields as { retry?: unknown };
  if (typeof retry !== 'string') return undefined;
  const [attempt, starts] = retry.split(' ', 2).map(Number);
  if (!isCount(attempt) || !isCount(starts) || attempt < 1) return undefined;
  return retry === formatRetry({ attempt, starts, jobId }) ? { attempt, starts, jobId } : undefined;
}

function isCount(value: number | undefined): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 1_000_000;
}

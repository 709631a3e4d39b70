/** The part of a BullMQ `Job` that is read. */
export interface JobLike {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly queueName?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly delay?: number | undefined;
  /** Attempts that failed. */
  readonly attemptsMade?: number | undefined;
  /** How often a worker took it, for whatever reason. */
  readonly attemptsStarted?: number | undefined;
  /** How often a worker took it and was not heard of again. */
  readonly stalledCounter?: number | undefined;
  readonly opts?:
    | {
        readonly delay?: number | undefined;
        readonly telemetry?: { readonly metadata?: string | undefined } | undefined;
        /** The metadata, in a sandbox of BullMQ 5: as it is in Redis. */
        readonly tm?: string | undefined;
      }
    | undefined;
}

/** What is known of a job where it is handled, and may be read of it: a job in a sandbox is JSON, and a mock may be anything. */
export interface KnownJob {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly queue: string | undefined;
  readonly metadata: string | undefined;
  /** The number of the attempt, from 1; `undefined` where only BullMQ's Telemetry told of the job. */
  readonly attempt: number | undefined;
  /** How often it was started, this time too. */
  readonly starts: number | undefined;
  /** How often it was started again though it had neither failed nor stalled: it put itself back. */
  readonly putBack: number;
  /** Milliseconds that it waited since it could have started. */
  readonly waited: number | undefined;
}

/** Returns what a job says of itself. Never throws. */
export function knownJob(job: unknown): KnownJob | undefined {
  if (typeof job !== 'object' || job === null) return undefined;
  try {
    const { id, name, queueName, timestamp, delay, attemptsMade, attemptsStarted, stalledCounter, opts } =
      job as JobLike;
    const made = whole(attemptsMade);
    const starts = whole(attemptsStarted);
    const putBack = starts === undefined ? 0 : starts - 1 - (made ?? 0) - (whole(stalledCounter) ?? 0);
    const since = typeof timestamp === 'number' ? timestamp + (whole(opts?.delay) ?? whole(delay) ?? 0) : NaN;
    const waited = Date.now() - since;
    return {
      id: text(id),
      name: text(name),
      queue: text(queueName),
      metadata: text(opts?.telemetry?.metadata) ?? text(opts?.tm),
      attempt: (made ?? 0) + 1,
      starts,
      putBack: Math.max(0, putBack),
      waited: waited >= 0 && waited < TEN_YEARS ? waited : undefined,
    };
  } catch {
    return undefined;
  }
}

const TEN_YEARS = 10 * 365 * 86_400_000;

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

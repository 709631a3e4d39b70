import { context as contextApi, createContextKey, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { withAttempt } from '@throughline/core';
import type { Refused } from '@throughline/core';
import { failureType, outboundFields, runInbound, warnOnce, whenSettled } from '@throughline/core/adapter';
import type { InboundHop, Outcome, Received } from '@throughline/core/adapter';
import { runRefused } from '@throughline/core/messaging';
import {
  ATTR_JOB_ATTEMPTS_MADE,
  ATTR_JOB_FAILED_REASON,
  ATTR_JOB_ID,
  ATTR_JOB_NAME,
  ATTR_LINEAGE_ATTEMPT,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_QUEUE_DURATION,
  ATTR_WORKER_ID,
  ATTR_WORKER_NAME,
} from './conventions.ts';
import { isPutBack, lostLock } from './errors.ts';
import { knownJob } from './job.ts';
import type { JobLike, KnownJob } from './job.ts';
import { LazyContext } from './lazy-context.ts';
import { formatMetadata, parseMetadata, retryOf } from './metadata.ts';
import type { Retry } from './metadata.ts';
import { textFields, withoutLineage } from './offered-fields.ts';
import { openOf } from './options.ts';
import type { BullMQSettings, Unfinished } from './options.ts';
import { processHop } from './process-hop.ts';
import { bullmq } from './system.ts';
import { queueTarget } from './target.ts';

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const processingKey = createContextKey('throughline.bullmq.processing');

/** Returns the processing of a job that a context is in. */
export function processingOf(context: Context): Processing | undefined {
  return context.getValue(processingKey) as Processing | undefined;
}

let entering: Processing | undefined;

/** Returns the processing that BullMQ is calling a processor in. There need be no context manager. */
export function currentProcessing(): Processing | undefined {
  return entering ?? processingOf(contextApi.active());
}

/**
 * One handling of a job. Its hop starts when the job is known: when a traced processor has it, or else when somebody asks for the
 * context; and ends when BullMQ has settled the job.
 */
export class Processing {
  readonly context: Context;
  readonly #settings: BullMQSettings;
  readonly #queue: string;
  readonly #metadata: unknown;
  #fields: object | undefined;
  readonly #active: Context;
  #workerId: string | undefined = undefined;
  #workerName: string | undefined = undefined;
  #jobId: string | undefined = undefined;
  #jobName: string | undefined = undefined;
  #made: number | undefined = undefined;
  #started = false;
  #received: Received | undefined = undefined;
  #inner: Context = ROOT_CONTEXT;
  #refusal: { readonly failed: boolean; readonly value: unknown } | undefined = undefined;
  #over: () => void = () => {};
  #attempt = 1;
  #starts = 0;
  /** The hop is not in the trace of what was offered, because the job repeats. */
  #repeats = false;
  // How it came out.
  #ran = false;
  #thrown: { readonly error: unknown } | undefined = undefined;
  #retry = '';
  #settled: 'completed' | 'failed' | undefined = undefined;
  #reason: unknown = undefined;
  #trouble: { readonly error: unknown } | undefined = undefined;

  constructor(settings: BullMQSettings, queue: string, metadata: unknown, own: ReadonlyMap<symbol, unknown>) {
    this.#settings = settings;
    this.#queue = queue;
    this.#metadata = metadata;
    this.#fields = parseMetadata(metadata);
    this.#active = contextApi.active();
    this.context = new LazyContext(new Map(own).set(processingKey, this), () => {
      this.#start(undefined);
      return this.#inner;
    });
  }

  /** Runs BullMQ's own handling of the job, which calls the processor. */
  enter<T>(fn: () => T): T {
    const around = entering;
    entering = this;
    try {
      return contextApi.with(this.context, fn);
    } finally {
      entering = around;
      this.#start(undefined);
    }
  }

  /** Runs a traced processor, which knows the job. Returns what `work` returns. */
  run<T>(job: JobLike, work: () => T): T {
    const known = knownJob(job);
    // What calls another processor with another job is not in this one.
    this.#start(known, job);
    const refusal = this.#refusal;
    if (refusal !== undefined) {
      if (refusal.failed) throw refusal.value;
      return refusal.value as T;
    }
    this.#ran = true;
    return whenSettled(
      () => contextApi.with(this.#inner, work),
      (failed, error) => {
        this.#thrown = failed ? { error } : undefined;
      },
    );
  }

  /** Whether a job that a processor was given is the one that is handled here. */
  isOf(job: JobLike): boolean {
    const id = knownJob(job)?.id;
    return this.#jobId === undefined || id === undefined || id === this.#jobId;
  }

  /** Runs a traced processor that no worker of ours calls. Returns what `work` returns; the handling is over then. */
  alone<T>(job: JobLike, work: () => T): T {
    this.#jobId = knownJob(job)?.id;
    return whenSettled(
      () => this.run(job, work),
      () => this.#over(),
    );
  }

  /** Takes what BullMQ says of the job and of itself. */
  tell(attributes: Attributes): void {
    const { [ATTR_WORKER_ID]: workerId, [ATTR_WORKER_NAME]: workerName } = attributes;
    const { [ATTR_JOB_ID]: id, [ATTR_JOB_NAME]: name, [ATTR_JOB_ATTEMPTS_MADE]: made } = attributes;
    if (typeof workerId === 'string') this.#workerId = workerId;
    if (typeof workerName === 'string') this.#workerName = workerName;
    if (typeof id === 'string') this.#jobId = id;
    if (typeof name === 'string') this.#jobName = name;
    if (typeof made === 'number') this.#made = made;
  }

  /** Takes an event of BullMQ's. */
  event(name: string, attributes: Attributes | undefined): void {
    if (name === 'job completed') this.#settled = 'completed';
    if (name !== 'job failed') return;
    this.#settled = 'failed';
    this.#reason = attributes?.[ATTR_JOB_FAILED_REASON];
  }

  /** Takes an error of BullMQ's own, which it may get over. */
  trouble(error: unknown): void {
    this.#trouble = { error };
  }

  end(): void {
    this.#start(undefined);
    const key = this.#key();
    if (key !== undefined) {
      const { unfinished } = this.#settings;
      unfinished.delete(key);
      const offered = this.#metadata;
      if (this.#retry !== '') remember(unfinished, key, { offered, retry: this.#retry });
      else if (this.#isPutBack()) remember(unfinished, key, { offered, retry: undefined });
    }
    this.#over();
  }

  // BullMQ says nothing of a job that goes back into its queue by itself.
  #isPutBack(): boolean {
    if (this.#settled !== undefined || this.#trouble !== undefined || this.#refusal !== undefined) return false;
    return !this.#ran || (this.#thrown !== undefined && isPutBack(this.#thrown.error));
  }

  /**
   * Returns the metadata that the job is tried again with: what it came with, so that all attempts have one parent, and which comes
   * next. Where it came with none, or is a repetition, the attempts go on below this one.
   */
  retryMetadata(): string {
    this.#start(undefined);
    const received = this.#received;
    const jobId = this.#jobId;
    if (received === undefined || jobId === undefined) return '';
    const retry: Retry = { attempt: this.#attempt + 1, starts: this.#starts, jobId };
    const offered = this.#repeats ? undefined : textFields(this.#fields, this.#settings);
    if (offered !== undefined) return (this.#retry = formatMetadata(offered, retry));
    const { fields } = outboundFields(
      {
        transport: bullmq.transport,
        name: 'retry',
        kind: SpanKind.PRODUCER,
        target: queueTarget(this.#queue),
        context: received.context,
        forward: true,
        messages: 0,
      },
      this.#settings.observing,
    );
    return (this.#retry = formatMetadata(fields, retry));
  }

  #start(known: KnownJob | undefined, job?: JobLike): void {
    if (this.#started) return;
    this.#started = true;
    const settings = this.#settings;
    this.#jobId ??= known?.id;
    this.#jobName ??= known?.name;
    this.#starts = known?.starts ?? 0;
    const before = this.#before(known);
    if (before?.retry !== undefined) this.#fields = parseMetadata(before.retry);
    const retry = retryOf(this.#fields, this.#jobId);
    this.#attempt = known?.attempt ?? retry?.attempt ?? 1;
    this.#repeats = (before !== undefined && before.retry === undefined) || this.#isRepetition(known, retry);
    const waited = known?.waited;
    if (known === undefined && settings.enforces) {
      warnOnce(
        'bullmq-unwrapped',
        "`lineage.mode` is 'enforce', and a worker's processor is not wrapped: BullMQ cannot be told to refuse its jobs, only what they add. Wrap it in `tracedProcessor`.",
      );
    }
    // What one repetition was given, such as a deadline, is not that of the next.
    const fields = retry === undefined && this.#isScheduled() ? withoutLineage(this.#fields) : this.#fields;
    const hop: InboundHop = {
      ...processHop(this.#queue, fields),
      context: this.#active,
      stale: this.#repeats || (waited !== undefined && waited > settings.maxParentAge),
    };
    const meters = settings.metrics();
    void runInbound<unknown>(hop, known === undefined ? settings.observing : settings.hop, {
      work: (received) => {
        this.#received = received;
        this.#inner = attempted(received.context, this.#attempt);
        return new Promise<void>((resolve) => (this.#over = resolve));
      },
      describe: (span) => this.#describe(span, waited),
      outcome: () => this.#outcome(),
      refused: (refused) => {
        this.#inner = refused.context;
        return this.#refuse(refused, job as JobLike);
      },
      measure:
        meters &&
        ((seconds, outcome) =>
          meters.processed({ operation: 'process', topic: this.#queue, errorType: failureType(outcome) }, 1, seconds)),
      open: openOf(settings, this.#workerId),
      timeout: settings.handlerTimeout,
    });
  }

  #refuse(refused: Refused, job: JobLike): unknown {
    try {
      const value = runRefused(refused, this.#settings.onRefused, job);
      this.#refusal = { failed: false, value };
      // The caller of the processor gets it; here only its end counts.
      return whenSettledQuietly(value);
    } catch (error) {
      this.#refusal = { failed: true, value: error === refused.error ? unrecoverable(refused) : error };
      return undefined;
    }
  }

  #isRepetition(known: KnownJob | undefined, retry: Retry | undefined): boolean {
    // A retry is an attempt, unless the job has put itself back since.
    if (retry !== undefined) {
      return retry.starts > 0 && known?.starts !== undefined && known.putBack > 0 && known.starts > retry.starts + 1;
    }
    return this.#isScheduled() || (known !== undefined && known.putBack > 0);
  }

  #isScheduled(): boolean {
    return this.#jobId?.startsWith('repeat:') === true;
  }

  // An id is free again once its job is removed, or is over in another process.
  #before(known: KnownJob | undefined): Unfinished | undefined {
    const key = this.#key();
    const before = key === undefined ? undefined : this.#settings.unfinished.get(key);
    if (before === undefined || known?.starts === 1) return undefined;
    return this.#metadata === before.offered || this.#metadata === before.retry ? before : undefined;
  }

  #key(): string | undefined {
    return this.#jobId === undefined ? undefined : `${this.#queue}:${this.#jobId}`;
  }

  #describe(span: Span, waited: number | undefined): void {
    const { clientId } = this.#settings;
    if (clientId !== undefined) span.setAttribute(ATTR_MESSAGING_CLIENT_ID, clientId);
    if (this.#jobId !== undefined) span.setAttribute(ATTR_MESSAGING_MESSAGE_ID, this.#jobId);
    if (this.#jobName !== undefined) span.setAttribute(ATTR_JOB_NAME, this.#jobName);
    if (this.#workerName !== undefined) span.setAttribute(ATTR_WORKER_NAME, this.#workerName);
    if (waited !== undefined) span.setAttribute(ATTR_QUEUE_DURATION, waited / 1000);
    if (this.#attempt > 1) span.setAttribute(ATTR_LINEAGE_ATTEMPT, this.#attempt);
  }

  #outcome(): Outcome | undefined {
    const attributes: Attributes = this.#made === undefined ? {} : { [ATTR_JOB_ATTEMPTS_MADE]: this.#made };
    const thrown = this.#thrown;
    if (thrown !== undefined) {
      if (isPutBack(thrown.error) && this.#settled !== 'failed') return { attributes };
      return { failed: true, error: thrown.error, attributes };
    }
    if (this.#settled === 'failed') return { failed: true, error: this.#reason, errorType: '_OTHER', attributes };
    if (this.#settled === 'completed' || this.#trouble === undefined) return { attributes };
    const { error } = this.#trouble;
    return { failed: true, error, errorType: lostLock(error), attributes };
  }
}

/**
 * Returns the `LineageError` of a refused job as an error that BullMQ does not try again: it tells by the name. More attempts would
 * each be refused.
 */
function unrecoverable({ error }: Refused): Error {
  return Object.defineProperty(error, 'name', { value: 'UnrecoverableError', configurable: true, writable: true });
}

function whenSettledQuietly(value: unknown): unknown {
  if (typeof (value as { then?: unknown } | null | undefined)?.then !== 'function') return undefined;
  return (value as PromiseLike<unknown>).then(
    () => undefined,
    () => undefined,
  );
}

// Without a context manager there is no active context to read it from, and nobody to read it.
function attempted(context: Context, attempt: number): Context {
  if (attempt === 1) return context;
  const inner = contextApi.with(context, () => withAttempt(attempt, () => contextApi.active()));
  return inner === ROOT_CONTEXT ? context : inner;
}

const MAX_REMEMBERED = 10_000;

function remember(jobs: Map<string, Unfinished>, key: string, unfinished: Unfinished): void {
  jobs.set(key, unfinished);
  if (jobs.size > MAX_REMEMBERED) for (const oldest of jobs.keys()) return void jobs.delete(oldest);
}

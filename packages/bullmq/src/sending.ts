import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { failureType, guarded, startOutbound, suppressTracing } from '@throughline/core/adapter';
import type { Outcome, Sending } from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import {
  ATTR_BULK_COUNT,
  ATTR_JOB_ID,
  ATTR_JOB_NAME,
  ATTR_JOB_SCHEDULER_ID,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
} from './conventions.ts';
import { formatMetadata } from './metadata.ts';
import type { BullMQSettings } from './options.ts';
import { bullmq } from './system.ts';
import { queueTarget } from './target.ts';

/**
 * What is sent: `send` one job or several that share a context; `create` a job of a flow, which goes later; `flow` a flow of jobs that
 * were created.
 */
export type SendKind = 'send' | 'create' | 'flow';

const EMPTY = '{}';

/** One addition of jobs to a queue. */
export class SendingJobs {
  readonly kind: SendKind;
  readonly #settings: BullMQSettings;
  readonly #queue: string;
  readonly #sending: Sending | Refused;
  readonly #started: number;
  #count = 1;
  #failure: { readonly error: unknown } | undefined = undefined;

  /** `active` is the context that it is sent from. */
  constructor(kind: SendKind, settings: BullMQSettings, queue: string, active: Context) {
    this.kind = kind;
    this.#settings = settings;
    this.#queue = queue;
    const operation = kind === 'create' ? 'create' : 'send';
    const attributes: Attributes = {
      [ATTR_MESSAGING_SYSTEM]: bullmq.name,
      [ATTR_MESSAGING_OPERATION_NAME]: operation,
      [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    };
    // Several flows may go to several queues.
    if (queue !== '') attributes[ATTR_MESSAGING_DESTINATION_NAME] = queue;
    this.#started = settings.metrics() === undefined ? 0 : performance.now();
    this.#sending = startOutbound(
      {
        transport: bullmq.transport,
        name: queue === '' ? operation : `${operation} ${queue}`,
        kind: kind === 'flow' ? SpanKind.CLIENT : SpanKind.PRODUCER,
        attributes,
        target: queueTarget(queue === '' ? undefined : queue),
        context: active,
        // The jobs of a flow take their share of the chain's budget one by one.
        messages: kind === 'flow' ? 0 : 1,
        reply: settings.reply,
      },
      settings.hop,
    );
    const { clientId } = settings;
    if (clientId !== undefined) this.#sending.describe((span) => span.setAttribute(ATTR_MESSAGING_CLIENT_ID, clientId));
  }

  /** The context of the span, in which the jobs of a flow are created. */
  get context(): Context {
    return this.#sending.context;
  }

  /** The metadata of the jobs. */
  metadata(): string {
    if (this.#sending.refused !== undefined) return '';
    // BullMQ would leave what the options hold, such as those of a job that was received, for empty text.
    return this.#sending.mode === 'strip' ? EMPTY : formatMetadata(this.#sending.fields);
  }

  /** Runs BullMQ's own function. */
  run<T>(fn: () => T, own: (context: Context) => Context): T {
    const sending = this.#sending;
    // As BullMQ itself fails: by a promise.
    if (sending.refused !== undefined) return Promise.reject(sending.error) as T;
    // A job of a flow creates those that it waits for.
    if (this.kind === 'create') return contextApi.with(own(sending.context), fn);
    if (!this.#settings.suppressInner) return contextApi.with(own(sending.context), fn);
    return contextApi.with(own(this.kind === 'flow' ? suppressTracing(sending.context) : sending.inner), fn);
  }

  tell(attributes: Attributes): void {
    const { [ATTR_BULK_COUNT]: count } = attributes;
    if (typeof count === 'number') this.#count = count;
    this.#sending.describe((span) => {
      const { [ATTR_JOB_ID]: id, [ATTR_JOB_NAME]: name, [ATTR_JOB_SCHEDULER_ID]: scheduler } = attributes;
      if (typeof id === 'string') span.setAttribute(ATTR_MESSAGING_MESSAGE_ID, id);
      if (typeof name === 'string') span.setAttribute(ATTR_JOB_NAME, name);
      if (typeof scheduler === 'string') span.setAttribute(ATTR_JOB_SCHEDULER_ID, scheduler);
      if (typeof count === 'number') span.setAttribute(ATTR_MESSAGING_BATCH_MESSAGE_COUNT, count);
    });
  }

  event(): void {}

  trouble(error: unknown): void {
    this.#failure = { error };
  }

  end(): void {
    const sending = this.#sending;
    const failure = this.#failure;
    const outcome: Outcome | undefined =
      failure === undefined || sending.refused !== undefined ? undefined : { failed: true, error: failure.error };
    sending.end(outcome);
    const meters = this.kind === 'flow' ? undefined : this.#settings.metrics();
    if (meters === undefined) return;
    const errorType = sending.refused === undefined ? failureType(outcome) : `throughline.${sending.refused}`;
    const seconds = (performance.now() - this.#started) / 1000;
    guarded('meter', () => meters.sent({ operation: 'send', topic: this.#queue, errorType }, this.#count, seconds));
  }
}

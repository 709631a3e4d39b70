import type { HopOptions } from '@throughline/core';
import { checkBoolean, hopSettings, OpenHops, remembering } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { receiverSettings } from '@throughline/core/messaging';
import type { OnRefused, Receiver } from '@throughline/core/messaging';
import type { JobLike } from './job.ts';
import { bullmq } from './system.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/bullmq', version: '0.0.0' } as const;

/** The options of {@link traceBullMQ} and {@link tracedProcessor}. */
export interface BullMQOptions extends HopOptions {
  /**
   * Milliseconds. A job that has waited longer since it could have started begins a new trace with a link to its own. Needs
   * `tracedProcessor`. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
  /**
   * What to do, in place of the processor, with a job whose chain of agents is past a limit that `lineage` enforces; it runs in the
   * job's trace, and what it adds is not refused. Needs `tracedProcessor`. Default: the job fails, and is not tried again.
   */
  readonly onRefused?: OnRefused<JobLike> | undefined;
  /**
   * Milliseconds. The span of a job that has not been settled by then ends with `error.type: handler_timeout`; the job itself runs on.
   * Default: never.
   */
  readonly handlerTimeout?: number | undefined;
  /**
   * What the queues and flow producers with this Telemetry add are answers, which are not a step deeper in the chain of agents. Default
   * `false`.
   */
  readonly reply?: boolean | undefined;
  /** The client's id: `messaging.client.id`. */
  readonly clientId?: string | undefined;
  /**
   * Whether BullMQ's own commands to Redis run under suppressed tracing, so that an instrumentation of the Redis client adds no span for
   * each. Default `true`.
   */
  readonly suppressInner?: boolean | undefined;
  /** INTERNAL spans for BullMQ's other operations, such as `pause`, `clean`, `complete` and `extendLocks`. Default `false`. */
  readonly internalSpans?: boolean | undefined;
}

const OWN: Readonly<Record<Exclude<keyof BullMQOptions, keyof HopOptions>, true>> = {
  maxParentAge: true,
  onRefused: true,
  handlerTimeout: true,
  reply: true,
  clientId: true,
  suppressInner: true,
  internalSpans: true,
};

/**
 * A job that comes again. BullMQ keeps nothing of what its Telemetry says when it puts a job back (5.34 still did), so that another process
 * knows no more than the job itself says.
 */
export interface Unfinished {
  /** The metadata that it came with, by which it is told from another job that has its id later. */
  readonly offered: unknown;
  /** The metadata for the next attempt; `undefined` where the job did not fail, and put itself back. */
  readonly retry: string | undefined;
}

/** Options, checked, and what the queues and workers of one Telemetry share. */
export interface BullMQSettings extends Receiver<JobLike> {
  /** `hop`, of which nothing inbound is refused: BullMQ cannot be told so from its Telemetry. */
  readonly observing: HopSettings;
  readonly enforces: boolean;
  readonly reply: boolean;
  readonly suppressInner: boolean;
  readonly internalSpans: boolean;
  /** The queues that have a worker here. */
  readonly worked: Set<string>;
  /** The open hops of each worker, by its id. */
  readonly workers: Map<string, OpenHops>;
  /** Jobs that were handled here and are not over. */
  readonly unfinished: Map<string, Unfinished>;
}

/** Returns the settings of one Telemetry or processor. Throws a `ThroughlineError` for a wrong option. */
export function bullmqSettings(options: BullMQOptions | undefined): BullMQSettings {
  const hop = hopSettings(options, scope, Object.keys(OWN));
  const { reply, suppressInner, internalSpans, ...rest } = options ?? {};
  checkBoolean('reply', reply);
  checkBoolean('suppressInner', suppressInner);
  checkBoolean('internalSpans', internalSpans);
  const receiver = receiverSettings<JobLike>(rest, {
    scope,
    system: bullmq,
    errorType: () => undefined,
    messageOf: (job) => ({ topic: job.queueName ?? '', headers: undefined, message: job }),
  });
  const { lineage } = rest;
  const enforces = typeof lineage === 'object' && lineage.mode === 'enforce';
  const observed = { ...rest, lineage: { ...(lineage as object), mode: 'observe' } } as const;
  return {
    ...receiver,
    hop,
    enforces,
    observing: enforces ? hopSettings(observed, scope, Object.keys(OWN)) : hop,
    reply: reply ?? false,
    suppressInner: suppressInner ?? true,
    internalSpans: internalSpans ?? false,
    worked: new Set(),
    workers: new Map(),
    unfinished: new Map(),
  };
}

/** Returns the open hops of one worker. */
export function openOf(settings: BullMQSettings, workerId: string | undefined): OpenHops {
  if (workerId === undefined) return settings.open;
  let open = settings.workers.get(workerId);
  if (open === undefined) settings.workers.set(workerId, (open = new OpenHops()));
  return open;
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  hopSettings(options, scope, ['queue']),
);

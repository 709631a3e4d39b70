import { SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { inboundContext, outboundFields } from '@throughline/core/adapter';
import { knownJob } from './job.ts';
import type { JobLike } from './job.ts';
import { formatMetadata, parseMetadata } from './metadata.ts';
import { rememberedSettings } from './options.ts';
import { processHop } from './process-hop.ts';
import { bullmq } from './system.ts';
import { queueTarget } from './target.ts';

/** The options of {@link injectMetadata}. */
export interface InjectOptions extends HopOptions {
  /** The queue that the job goes to, for an outbound policy that asks. */
  readonly queue?: string | undefined;
}

/**
 * Returns a copy of a job's options that carries the active trace context and baggage, for a queue without Telemetry. Opens no span.
 * Throws a `LineageError` where the chain is past a limit and `lineage` enforces it.
 *
 * @example
 * ```ts
 * await queue.add('report', data, injectMetadata({ attempts: 3 }));
 * ```
 */
export function injectMetadata<O extends object>(
  jobOptions?: O,
  options?: InjectOptions,
): O & { telemetry?: { metadata: string } } {
  const hop = {
    transport: bullmq.transport,
    name: 'inject',
    kind: SpanKind.PRODUCER,
    target: queueTarget(options?.queue),
  };
  const { fields, mode } = outboundFields(hop, rememberedSettings(options));
  const metadata = formatMetadata(fields);
  const copy = { ...(jobOptions as O) };
  if (metadata !== '') return { ...copy, telemetry: { ...telemetryOf(jobOptions), metadata } };
  // The options of a job that was received hold what it came with, which is not to go on either.
  if (mode === 'strip' && 'telemetry' in copy) copy.telemetry = withoutMetadata(copy.telemetry);
  return copy;
}

function withoutMetadata(telemetry: unknown): unknown {
  if (typeof telemetry !== 'object' || telemetry === null) return telemetry;
  const { metadata: _, ...rest } = telemetry as { metadata?: unknown };
  return rest;
}

function telemetryOf(jobOptions: object | undefined): object | undefined {
  return jobOptions !== undefined && 'telemetry' in jobOptions ? (jobOptions.telemetry as object) : undefined;
}

/**
 * Returns the context that a job was added in, with its baggage, on an otherwise empty context: under the inbound policy and the
 * limits, as a worker takes it. Never throws. Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(await queue.getJob(id)), () => inspect(id));
 * ```
 */
export function extractContext(job: JobLike | null | undefined, options?: HopOptions): Context {
  const known = knownJob(job);
  return inboundContext(processHop(known?.queue ?? '', parseMetadata(known?.metadata)), rememberedSettings(options));
}

/**
 * Returns a copy of a flow in which every job has `opts`: BullMQ gives no trace context to one that has none.
 *
 * @example
 * ```ts
 * await flows.add(tracedFlow({ name: 'report', queueName: 'reports', children }));
 * ```
 */
export function tracedFlow<F extends object>(flow: F): F {
  const { opts, children } = flow as { opts?: unknown; children?: unknown };
  const copy = { ...flow, opts: opts ?? {} };
  return Array.isArray(children) ? { ...copy, children: children.map((child: object) => tracedFlow(child)) } : copy;
}

import { context as contextApi, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { inboundContext, outboundFields } from '@throughline/core/adapter';
import { LazyContext } from './lazy-context.ts';
import { formatMetadata, parseMetadata } from './metadata.ts';
import { bullmqMeter } from './meter.ts';
import type { BullMQMeter } from './meter.ts';
import { Operation, pendingOperation } from './operation.ts';
import { bullmqSettings } from './options.ts';
import type { BullMQOptions, BullMQSettings } from './options.ts';
import { processHop } from './process-hop.ts';
import { bullmq } from './system.ts';
import { queueTarget } from './target.ts';

/** BullMQ's `Span`. */
export interface BullMQSpan {
  setSpanOnContext(context: Context): Context;
  setAttribute(key: string, value: unknown): void;
  setAttributes(attributes: Attributes): void;
  addEvent(name: string, attributes?: Attributes): void;
  recordException(exception: unknown): void;
  end(): void;
}

/** BullMQ's `Telemetry`: what its queues, workers and flow producers take as `telemetry`. */
export interface BullMQTelemetry {
  readonly tracer: {
    startSpan(name: string, options?: { readonly kind: SpanKind }, context?: Context): BullMQSpan;
  };
  readonly contextManager: {
    // oxlint-disable-next-line typescript/no-explicit-any -- the type that BullMQ declares
    with<A extends (...args: any[]) => any>(context: Context, fn: A): ReturnType<A>;
    active(): Context;
    root(): Context;
    getMetadata(context: Context): string;
    fromMetadata(active: Context, metadata: string): Context;
  };
  readonly meter: BullMQMeter;
}

/**
 * Returns a `Telemetry` for the queues, workers and flow producers of BullMQ: a PRODUCER span `send {queue}` for what is added, whose
 * context is in the job's metadata, and a CONSUMER span `process {queue}` for each handling of a job, its child. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const telemetry = traceBullMQ();
 * const queue = new Queue('reports', { connection, telemetry });
 * const worker = new Worker('reports', tracedProcessor(write), { connection, telemetry });
 * ```
 */
export function traceBullMQ(options?: BullMQOptions): BullMQTelemetry {
  const settings = bullmqSettings(options);
  return {
    tracer: {
      startSpan: (_name, _options, offered) =>
        new Operation(settings, offered instanceof OfferedContext ? offered.metadata : undefined),
    },
    contextManager: {
      with(context, fn) {
        const operation = pendingOperation(context);
        const run = fn as unknown as () => never;
        return operation === undefined ? contextApi.with(context, run) : operation.enter(context, run);
      },
      active: () => contextApi.active(),
      root: () => ROOT_CONTEXT,
      getMetadata: (context) => pendingOperation(context)?.metadata() ?? injected(context, settings),
      fromMetadata: (_active, metadata) => new OfferedContext(metadata, settings),
    },
    meter: bullmqMeter(options?.meterProvider),
  };
}

/** The context that a job's metadata offers, onto an empty one. BullMQ hands it back with the span that is about the job. */
class OfferedContext extends LazyContext {
  readonly metadata: unknown;

  constructor(metadata: unknown, settings: BullMQSettings) {
    super(new Map(), () => inboundContext(processHop('', parseMetadata(metadata)), settings.hop));
    this.metadata = metadata;
  }
}

function injected(context: Context, { observing, reply }: BullMQSettings): string {
  const hop = { transport: bullmq.transport, name: 'inject', kind: SpanKind.PRODUCER, target: queueTarget(undefined) };
  return formatMetadata(outboundFields({ ...hop, context, reply }, observing).fields);
}

import { context as contextApi, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { metaFields } from '../carrier/read.ts';
import type { HopOptions } from '../policy/options.ts';
import { rememberedSettings } from '../policy/remembered-settings.ts';
import { inboundContext, outboundFields } from '../hop/without-span.ts';
import { writeRecord } from '../carrier/write.ts';

const WORKER = 'worker';

/** The keys under which a record carries the fields. */
export interface RecordFields {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

/**
 * Returns a copy of `record` with the fields of the active context under `traceparent`, `tracestate` and `baggage`: for the
 * `workerData` of a worker thread, `postMessage`, a job in a queue within the process. The record itself is not changed.
 * Throws a `LineageError` where the chain is past a limit and `lineage` enforces it.
 *
 * @example
 * ```ts
 * new Worker('./index.js', { workerData: injectFields({ pages: 7 }) });
 * port.postMessage(injectFields({ page: 1 }));
 * ```
 */
export function injectFields<R extends object = object>(record?: R, options?: HopOptions): R & RecordFields {
  const target = { transport: WORKER, channel: 'memory' } as const;
  const hop = { transport: WORKER, name: 'post', kind: SpanKind.PRODUCER, target } as const;
  const sending = outboundFields(hop, rememberedSettings(options));
  return writeRecord(record as Readonly<Record<string, unknown>> | undefined, sending, 'meta') as R & RecordFields;
}

/**
 * Returns the context that the fields of a record hold, each only where it is valid, on an empty context. Never throws,
 * whatever the record is.
 *
 * @example
 * ```ts
 * parentPort.on('message', (task) => context.with(extractFields(task), () => index(task)));
 * ```
 */
export function extractFields(record: unknown, options?: HopOptions): Context {
  const hop = {
    transport: WORKER,
    name: 'take',
    kind: SpanKind.CONSUMER,
    carrier: record,
    reader: metaFields,
  } as const;
  const settings = rememberedSettings(options);
  return contextApi.with(ROOT_CONTEXT, () => inboundContext(hop, settings));
}

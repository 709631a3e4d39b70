import { context as contextApi, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { describeSpan, whenSettled } from '@throughline/core/adapter';
import type { Received } from '@throughline/core/adapter';
import type { HopOptions, Refused } from '@throughline/core';
import { handleMessage, runBatch, runMessage } from '@throughline/core/messaging';
import type { OnRefused, Receiver } from '@throughline/core/messaging';
import { ATTR_BATCH_FAILED } from '../conventions.ts';
import { remember, rememberContext } from '../handlers.ts';
import { isObject } from './event.ts';
import type { LambdaRecord, LambdaSettings } from './options.ts';
import type { Work } from './work.ts';

/** What records are handled with. */
export interface Records extends Pick<Work, 'event' | 'timeout' | 'gaveUp' | 'call'> {
  readonly records: readonly LambdaRecord[];
  readonly receiver: Receiver<LambdaRecord>;
  /** What their span says of the invocation. */
  readonly attributes: Attributes;
  /** Whether the service takes an answer that lists the records which are to come again. */
  readonly reports: boolean;
}

/**
 * Returns what the handler returns for records. One is a message: a child of the span that sent it. Several are a batch: a root that
 * links each. Records that are past a limit of their chain do not reach the handler where it is said what becomes of them: `onRefused`,
 * or an answer that reports them.
 */
export function runRecords(given: Records, { options, hop }: LambdaSettings): unknown {
  const { event, records, reports } = given;
  const receiver = invoked(given);
  const { onRefused } = options as { onRefused?: OnRefused<LambdaRecord> };
  const [first] = records;
  const call = (some: unknown): unknown => counted(() => given.call(some));
  if (first === undefined || records.length === 1) {
    const one = { ...receiver, onRefused: outcomeOfOne(onRefused, reports) };
    return handleMessage(first as LambdaRecord, () => call(event), one);
  }
  return runBatch(
    () => {
      const received = records.map((record) => receiver.messageOf(record));
      return { topic: received[0]?.topic as string, messages: received as { headers: unknown }[] };
    },
    receiver as unknown as Receiver,
    (batch) => {
      if (batch === undefined) return call(event);
      const decides = isEnforced(hop.options.lineage) && (onRefused !== undefined || reports);
      if (!decides) {
        for (const record of records) remember(record, batch, receiver);
        return call(event);
      }
      const { kept, refused } = sorted(records, batch, receiver);
      if (refused.length === 0) return call(event);
      return withoutRefused(given, kept, refused, onRefused, call);
    },
  );
}

function isEnforced(lineage: HopOptions['lineage']): boolean {
  return typeof lineage === 'object' && lineage.mode === 'enforce';
}

// Its spans say what they are of at their start, for samplers.
function invoked({ receiver, attributes, timeout, gaveUp }: Records): Receiver<LambdaRecord> {
  return {
    ...receiver,
    handlerTimeout: timeout,
    gaveUp,
    start(topic, partition, client) {
      const start = receiver.start(topic, partition, client);
      return { ...start, attributes: { ...start.attributes, ...attributes } };
    },
  };
}

interface ItemFailure {
  readonly itemIdentifier: unknown;
}

const failureOf = (record: LambdaRecord): ItemFailure => ({ itemIdentifier: record.messageId });

function outcomeOfOne(
  onRefused: OnRefused<LambdaRecord> | undefined,
  reports: boolean,
): OnRefused<LambdaRecord> | undefined {
  if (onRefused === undefined && !reports) return undefined;
  return async (refused, record) => {
    const failed = await failures([[refused, record]], onRefused, reports);
    return reports ? { batchItemFailures: failed } : undefined;
  };
}

type RefusedRecord = readonly [refused: Refused, record: LambdaRecord, context?: Context];

/** Asks `onRefused` what becomes of each, and returns those that are to come again. Without a way to say so, its failure is ours. */
async function failures(
  refused: readonly RefusedRecord[],
  onRefused: OnRefused<LambdaRecord> | undefined,
  reports: boolean,
): Promise<ItemFailure[]> {
  const failed: ItemFailure[] = [];
  for (const [refusal, record, context = contextApi.active()] of refused) {
    try {
      if (onRefused === undefined) failed.push(failureOf(record));
      else await contextApi.with(context, () => onRefused(refusal, record));
    } catch (error) {
      if (!reports) throw error;
      failed.push(failureOf(record));
    }
  }
  return failed;
}

interface Sorted {
  readonly kept: readonly LambdaRecord[];
  readonly refused: readonly RefusedRecord[];
}

/** Tells the records that are past a limit from the others, each of which is then run in the context that it was found in. */
function sorted(records: readonly LambdaRecord[], batch: Received, receiver: Receiver<LambdaRecord>): Sorted {
  const kept: LambdaRecord[] = [];
  const refused: RefusedRecord[] = [];
  const asking: Receiver<LambdaRecord> = {
    ...receiver,
    onRefused(refusal, record) {
      refused.push([refusal, record, contextApi.active()]);
    },
  };
  for (const record of records) {
    runMessage(
      record,
      () => {
        rememberContext(record, contextApi.active());
        kept.push(record);
      },
      batch,
      asking,
    );
  }
  return { kept, refused };
}

async function withoutRefused(
  { event, reports }: Records,
  kept: readonly LambdaRecord[],
  refused: readonly RefusedRecord[],
  onRefused: OnRefused<LambdaRecord> | undefined,
  call: (event: unknown) => unknown,
): Promise<unknown> {
  const span = trace.getActiveSpan();
  const failed = await failures(refused, onRefused, reports);
  const result = kept.length === 0 ? undefined : await call({ ...event, Records: kept });
  if (!reports) return result;
  const theirs = isObject(result) ? result : {};
  const named = Array.isArray(theirs['batchItemFailures']) ? (theirs['batchItemFailures'] as unknown[]) : [];
  const all = { ...theirs, batchItemFailures: [...named, ...failed] };
  tellFailed(span, failedIn(all));
  return all;
}

/** Returns what `fn` returns, and tells the span how many records it reports to have failed. */
function counted(fn: () => unknown): unknown {
  const span = trace.getActiveSpan();
  return whenSettled(fn, (isError, result) => {
    if (!isError) tellFailed(span, failedIn(result));
  });
}

function tellFailed(span: Span | undefined, failed: number): void {
  if (span === undefined || failed === 0) return;
  describeSpan(span, (recorded) => {
    recorded.setAttributes({ [ATTR_BATCH_FAILED]: failed, 'error.type': 'batch_item_failures' });
    recorded.setStatus({ code: SpanStatusCode.ERROR });
  });
}

// An answer without the member, or with an empty list, says that all is well.
function failedIn(result: unknown): number {
  try {
    const named = isObject(result) ? result['batchItemFailures'] : undefined;
    return Array.isArray(named) ? named.length : 0;
  } catch {
    return 0;
  }
}

import type { Attributes, AttributeValue, Context, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { failureType, guarded, lazyInstruments } from '@throughline/core/adapter';
import type { HopScope, Outcome } from '@throughline/core/adapter';
import { ATTR_MCP_PROTOCOL_VERSION, ATTR_RPC_RESPONSE_STATUS_CODE, DURATION_BUCKETS } from './conventions.ts';
import { connectionLabels, requestLabels } from './labels.ts';
import type { Result, Side } from './labels.ts';
import type { Operation } from './operation.ts';

/** What is known of a connection that its measurements say too. */
export interface Measured {
  readonly attributes: readonly (readonly [string, AttributeValue])[];
  readonly version: string | undefined;
}

/** The clock of one request. */
export interface Timing {
  /** Records how long the request took, once. Never throws. */
  end(outcome: Outcome | undefined, context: Context): void;
}

/** Starts the clock of a request that `record` records, or returns `undefined` where nobody measures. */
export function timed(record: RecordRequest | undefined): Timing | undefined {
  if (record === undefined) return undefined;
  const started = performance.now();
  return {
    end: (outcome, context) => guarded('meter', () => record((performance.now() - started) / 1000, outcome, context)),
  };
}

/** Records how many seconds a request took, how it came out, and in which context. */
export type RecordRequest = (seconds: number, outcome: Outcome | undefined, context: Context) => void;

/**
 * The histograms of the MCP conventions, `mcp.{client,server}.{operation,session}.duration` in seconds. Nothing is there where nobody
 * measures.
 */
export interface Durations {
  /** Returns what records a request. */
  request(side: Side, operation: Operation, measured: Measured): RecordRequest | undefined;
  /** Records a session that lasted for `seconds`. */
  session(side: Side, seconds: number, measured: Measured): void;
}

type Instruments = Readonly<Record<Side, { readonly operation: Histogram; readonly session: Histogram }>>;

/** Returns the histograms on the given meter provider or the global one, which may be registered after the wrap. */
export function durations(option: MeterProvider | undefined, scope: HopScope): Durations {
  const instruments = lazyInstruments(option, scope, instrumentsOf);
  return {
    request(side, operation, measured) {
      const histogram = instruments()?.[side].operation;
      return histogram === undefined ? undefined : recorder(histogram, side, operation, measured);
    },
    session(side, seconds, { attributes, version }) {
      const labels = connectionLabels(Object.fromEntries(attributes), version);
      guarded('meter', () => instruments()?.[side].session.record(seconds, labels));
    },
  };
}

function recorder(histogram: Histogram, side: Side, operation: Operation, measured: Measured): RecordRequest {
  return (seconds, outcome, context) =>
    histogram.record(seconds, labelsOf(side, operation, measured, outcome), context);
}

function instrumentsOf(meter: Meter): Instruments {
  const histogram = (of: Side, what: 'operation' | 'session', description: string): Histogram =>
    meter.createHistogram(`mcp.${of}.${what}.duration`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
    });
  return {
    client: {
      operation: histogram('client', 'operation', 'How long an MCP request took, seen by its sender'),
      session: histogram('client', 'session', 'How long an MCP session lasted, seen by the client'),
    },
    server: {
      operation: histogram('server', 'operation', 'How long an MCP request took, seen by its receiver'),
      session: histogram('server', 'session', 'How long an MCP session lasted, seen by the server'),
    },
  };
}

/** What is recorded of a request that came out well. */
interface Known {
  readonly side: Side;
  readonly measured: Measured['attributes'];
  readonly version: string | undefined;
  readonly labels: Attributes;
}

// Requests are many, and most are like the one before.
const known = new WeakMap<Operation, Known>();
const well: Result = { status: undefined, errorType: undefined };

function labelsOf(side: Side, operation: Operation, measured: Measured, outcome: Outcome | undefined): Attributes {
  const { attributes, version } = measured;
  const labelled = (speaks: string | undefined, result: Result): Attributes =>
    requestLabels(side, operation, connectionLabels(Object.fromEntries(attributes), speaks), result);
  if (outcome !== undefined) {
    const learnt = outcome.attributes?.[ATTR_MCP_PROTOCOL_VERSION];
    const status = outcome.attributes?.[ATTR_RPC_RESPONSE_STATUS_CODE];
    return labelled(typeof learnt === 'string' ? learnt : version, {
      status: typeof status === 'string' ? status : undefined,
      errorType: failureType(outcome),
    });
  }
  const last = known.get(operation);
  if (last !== undefined && last.side === side && last.measured === attributes && last.version === version)
    return last.labels;
  const labels = labelled(version, well);
  known.set(operation, { side, measured: attributes, version, labels });
  return labels;
}

import type { Attributes, AttributeValue, Context, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { failureType, guarded, lazyInstruments } from '@throughline/core/adapter';
import type { HopScope, Outcome } from '@throughline/core/adapter';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROMPT_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_MCP_METHOD_NAME,
  ATTR_MCP_PROTOCOL_VERSION,
  ATTR_RPC_RESPONSE_STATUS_CODE,
  DURATION_BUCKETS,
  EXECUTE_TOOL,
  OTHER,
} from './conventions.ts';
import type { Operation } from './operation.ts';

/** Which end of a request, or of a session, is measured. */
export type Side = 'client' | 'server';

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
      return histogram === undefined ? undefined : recorder(histogram, operation, measured);
    },
    session(side, seconds, { attributes, version }) {
      const recorded: Attributes = Object.fromEntries(attributes);
      if (version !== undefined) recorded[ATTR_MCP_PROTOCOL_VERSION] = version;
      guarded('meter', () => instruments()?.[side].session.record(seconds, recorded));
    },
  };
}

function recorder(histogram: Histogram, operation: Operation, measured: Measured): RecordRequest {
  return (seconds, outcome, context) => {
    const attributes = requestAttributes(operation, measured);
    histogram.record(seconds, outcome === undefined ? attributes : withOutcome(attributes, outcome), context);
  };
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
  readonly measured: Measured['attributes'];
  readonly version: string | undefined;
  readonly attributes: Attributes;
}

// Requests are many, and most are like the one before.
const known = new WeakMap<Operation, Known>();

function requestAttributes(operation: Operation, { attributes: measured, version }: Measured): Attributes {
  const last = known.get(operation);
  if (last !== undefined && last.measured === measured && last.version === version) return last.attributes;
  const { method, tool, prompt, frequent } = operation;
  // Names come from outside: those past the first thousand are no series of their own.
  const attributes: Attributes = {
    [ATTR_MCP_METHOD_NAME]: frequent || tool !== undefined || prompt !== undefined ? method : OTHER,
  };
  if (method === 'tools/call') attributes[ATTR_GEN_AI_OPERATION_NAME] = EXECUTE_TOOL;
  if (tool !== undefined) attributes[ATTR_GEN_AI_TOOL_NAME] = frequent ? tool : OTHER;
  if (prompt !== undefined) attributes[ATTR_GEN_AI_PROMPT_NAME] = frequent ? prompt : OTHER;
  if (version !== undefined) attributes[ATTR_MCP_PROTOCOL_VERSION] = version;
  for (const [name, value] of measured) attributes[name] = value;
  known.set(operation, { measured, version, attributes });
  return attributes;
}

function withOutcome(plain: Attributes, outcome: Outcome): Attributes {
  const attributes = { ...plain };
  const status = outcome.attributes?.[ATTR_RPC_RESPONSE_STATUS_CODE];
  if (status !== undefined) attributes[ATTR_RPC_RESPONSE_STATUS_CODE] = status;
  const learnt = outcome.attributes?.[ATTR_MCP_PROTOCOL_VERSION];
  if (learnt !== undefined) attributes[ATTR_MCP_PROTOCOL_VERSION] = learnt;
  const type = failureType(outcome);
  if (type !== undefined) attributes[ATTR_ERROR_TYPE] = type;
  return attributes;
}

import { createNoopMeter, metrics } from '@opentelemetry/api';
import type { Attributes, AttributeValue, Context, Histogram, MeterProvider } from '@opentelemetry/api';
import { errorType } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
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
  /** Records how long the request took, once. */
  end(outcome: Outcome | undefined, context: Context): void;
}

interface Instruments {
  readonly operation: Histogram;
  readonly session: Histogram;
}

// What a meter gives that nobody listens to: then there is nothing to time.
const silent = createNoopMeter().createHistogram('');

/**
 * The histograms of the MCP conventions, `mcp.{client,server}.{operation,session}.duration` in seconds, on the given meter
 * provider or the global one, which may be registered after the wrap.
 */
export class Durations {
  readonly #option: MeterProvider | undefined;
  readonly #scope: { readonly name: string; readonly version: string };
  #provider: MeterProvider | undefined;
  #client: Instruments | undefined;
  #server: Instruments | undefined;

  constructor(option: MeterProvider | undefined, scope: { readonly name: string; readonly version: string }) {
    this.#option = option;
    this.#scope = scope;
  }

  /** Starts the clock of a request, or returns `undefined` where nobody measures. */
  start(side: Side, operation: Operation, measured: Measured): Timing | undefined {
    const instruments = this.#instruments(side);
    return instruments === undefined ? undefined : new RequestTiming(instruments.operation, operation, measured);
  }

  /** Records a session that began `seconds` ago. */
  session(side: Side, seconds: number, { attributes, version }: Measured): void {
    const instruments = this.#instruments(side);
    if (instruments === undefined) return;
    const recorded: Attributes = Object.fromEntries(attributes);
    if (version !== undefined) recorded[ATTR_MCP_PROTOCOL_VERSION] = version;
    instruments.session.record(seconds, recorded);
  }

  #instruments(side: Side): Instruments | undefined {
    const provider = this.#option ?? metrics.getMeterProvider();
    if (provider !== this.#provider) {
      this.#provider = provider;
      const meter = provider.getMeter(this.#scope.name, this.#scope.version);
      const histogram = (of: Side, what: 'operation' | 'session', description: string): Histogram =>
        meter.createHistogram(`mcp.${of}.${what}.duration`, {
          description,
          unit: 's',
          advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
        });
      const operation = histogram('client', 'operation', 'How long an MCP request took, seen by its sender');
      if (operation === silent) this.#client = this.#server = undefined;
      else {
        this.#client = {
          operation,
          session: histogram('client', 'session', 'How long an MCP session lasted, seen by the client'),
        };
        this.#server = {
          operation: histogram('server', 'operation', 'How long an MCP request took, seen by its receiver'),
          session: histogram('server', 'session', 'How long an MCP session lasted, seen by the server'),
        };
      }
    }
    return side === 'client' ? this.#client : this.#server;
  }
}

class RequestTiming implements Timing {
  readonly #histogram: Histogram;
  readonly #operation: Operation;
  readonly #measured: Measured;
  readonly #started: number = performance.now();

  constructor(histogram: Histogram, operation: Operation, measured: Measured) {
    this.#histogram = histogram;
    this.#operation = operation;
    this.#measured = measured;
  }

  end(outcome: Outcome | undefined, context: Context): void {
    const seconds = (performance.now() - this.#started) / 1000;
    const attributes = requestAttributes(this.#operation, this.#measured);
    this.#histogram.record(seconds, outcome === undefined ? attributes : withOutcome(attributes, outcome), context);
  }
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
  const type = outcome.errorType ?? (outcome.error === undefined ? undefined : errorType(outcome.error));
  if (type !== undefined) attributes[ATTR_ERROR_TYPE] = type;
  return attributes;
}

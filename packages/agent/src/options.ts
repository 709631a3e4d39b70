import type { AttributeValue, Attributes, Context, MeterProvider, TimeInput } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import type { ContentOptions } from './content.ts';
import type { GenAiConventions } from './conventions.ts';
import type { Prices } from './price.ts';
import type { StepOptions } from './run-step.ts';

/** What a log record of ours has: see `LogRecord` of `@opentelemetry/api-logs`. */
export interface EventRecord {
  readonly eventName: string;
  readonly attributes: Record<string, AttributeValue>;
  readonly context: Context;
  readonly timestamp?: TimeInput;
}

/** A `LoggerProvider` of `@opentelemetry/api-logs`. */
export interface LoggerProviderLike {
  getLogger(name: string, version?: string): { emit(record: EventRecord): void };
}

/**
 * The options of {@link runAgent}, {@link runTool} and {@link callModel}. What runs in a turn has those of the turn where it is given
 * none of its own.
 */
export interface AgentOptions extends StepOptions {
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Where events go as log records: `logs.getLoggerProvider()`. Default: nowhere. */
  readonly loggerProvider?: LoggerProviderLike | undefined;
  /** Whether events are events of the span, log records, or both. Default: both where there is a `loggerProvider`, else `span`. */
  readonly events?: 'span' | 'log' | 'both' | undefined;
  /** The names that are written. Default `v0.1.0`. Most back ends still read those of `v1.41.0`. */
  readonly conventions?: GenAiConventions | undefined;
  /** Prompts, answers, arguments and results on spans. Default: none of it. */
  readonly content?: ContentOptions | undefined;
  /** What a model's tokens cost: none is known by itself. */
  readonly prices?: Prices | undefined;
  /** Of the prices. Default `USD`. */
  readonly currency?: string | undefined;
  /** Milliseconds between two chunks that make a stall. Default 2,000. */
  readonly stallMs?: number | undefined;
  /** Milliseconds after which a stream that nobody reads on counts as left. Default 600,000. */
  readonly abandonMs?: number | undefined;
  /** How often the same tool with the same arguments makes an event in the turn. Default 3. */
  readonly repeatedCalls?: number | undefined;
  /**
   * Limits on the chain: with `mode: 'enforce'`, a call of a model is refused once the budget of tokens or money is spent. What calls take is
   * taken from the budget in any case. Default: observed.
   */
  readonly lineage?: HopOptions['lineage'];
  /** Whether the time of each chunk is measured as the conventions' metric, at about a microsecond each. Default `false`. */
  readonly chunkMetric?: boolean | undefined;
}

/** What the options of one step have beside. */
export interface OwnAttributes {
  /** Attributes of the user's own, for the span of this step. */
  readonly attributes?: Attributes | undefined;
}

import { context as contextApi, trace } from '@opentelemetry/api';
import type {
  Attributes,
  Context,
  Link,
  Span,
  SpanOptions,
  TimeInput,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import {
  describeSpan,
  endSpan,
  isTracingSuppressed,
  layered,
  noSpan,
  startSpan,
  whenSettled,
} from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { quotes } from './quoting.ts';
import type { Step } from './step.ts';

/** The options of whatever opens steps. */
export interface StepOptions {
  /** Default: the global one, looked up when the options are read. */
  readonly tracerProvider?: TracerProvider | undefined;
}

/** Where a step's span starts. */
export interface StepStart {
  /** Default: the active context. */
  readonly parent?: Context | undefined;
  readonly startTime?: TimeInput | undefined;
  readonly links?: Link[] | undefined;
}

/** A step that has started. */
export interface OpenStep {
  /** What runs in the step runs in this context. */
  readonly context: Context;
  readonly span: Span;
  /** Adds attributes where the span is recorded. */
  describe(attributes: Attributes): void;
  /** Ends the span, once. Of an error that may quote content, only the class goes onto it. */
  end(outcome?: Outcome): void;
}

/** Returns the tracer of a bridge. */
export function stepTracer(options: StepOptions | undefined, name: string, version: string): Tracer {
  return options?.tracerProvider?.getTracer(name, version) ?? trace.getTracer(name, version);
}

/**
 * Starts a step, for a bridge that is told of its start and of its end. Under suppressed tracing, and where the tracer throws, it has
 * no span of its own. Never throws.
 */
export function startStep(step: Step, tracer: Tracer, { parent, startTime, links }: StepStart = {}): OpenStep {
  const around = parent ?? contextApi.active();
  const { name, kind, attributes } = step;
  const options: SpanOptions = { kind, attributes };
  if (startTime !== undefined) options.startTime = startTime;
  if (links !== undefined) options.links = links;
  const span = isTracingSuppressed(around) ? undefined : startSpan(tracer, name, options, around)?.span;
  if (span === undefined) {
    return { context: around, span: trace.getSpan(around) ?? noSpan, describe: () => {}, end: () => {} };
  }
  let ended = false;
  return {
    context: trace.setSpan(layered(around), span),
    span,
    describe: (more) => describeSpan(span, () => span.setAttributes(more)),
    end: (outcome) => {
      if (ended) return;
      ended = true;
      endSpan(span, outcome, true, quotes(outcome?.error) ? 'type' : 'exception');
    },
  };
}

/** How a step comes out, where it does not say so by returning or throwing. */
export interface StepOutcome<T> {
  /** How a result came out. Default: well. */
  readonly outcome?: ((result: Awaited<T>) => Outcome | undefined) | undefined;
  /** How what was thrown came out. Default: as a failure. */
  readonly failure?: ((error: unknown) => Outcome) | undefined;
}

/**
 * Returns what `fn` returns, run in a step that ends when `fn` has returned, or its promise has settled. A thrown value comes out as
 * the same object.
 */
export function runStep<T>(
  step: Step,
  tracer: Tracer,
  fn: (open: OpenStep) => T,
  { outcome, failure }: StepOutcome<T> = {},
): T {
  const open = startStep(step, tracer);
  return whenSettled(
    () => contextApi.with(open.context, () => fn(open)),
    (failed, value) => {
      if (failed) open.end(failure?.(value) ?? { failed, error: value });
      else open.end(outcomeOf(open, value as Awaited<T>, outcome));
    },
  );
}

function outcomeOf<R>(
  { span }: OpenStep,
  result: R,
  outcome: ((result: R) => Outcome | undefined) | undefined,
): Outcome | undefined {
  let told: Outcome | undefined;
  // What it reads of the result may be anything.
  if (outcome !== undefined) describeSpan(span, () => (told = outcome(result)));
  return told;
}

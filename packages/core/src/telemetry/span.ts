import { INVALID_SPAN_CONTEXT, INVALID_SPANID, trace } from '@opentelemetry/api';
import type { Context, Span, SpanContext, SpanOptions, Tracer } from '@opentelemetry/api';
import { printable, printableAttributes } from '../printable.ts';
import { telemetryFailed } from './guard.ts';
import { writeOutcome } from './outcome.ts';
import type { ErrorDetail, Outcome } from './outcome.ts';

/** A span that records nothing and stands for no context. */
export const noSpan: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** A span of our own, started; its context is read once, because a span of the application's may be anything. */
export interface StartedSpan {
  readonly span: Span;
  readonly spanContext: SpanContext;
}

/** Starts a span, whose name and attributes come from anywhere and are made printable. A tracer that throws, or whose span cannot say its context, costs the span: the hop goes on without. */
export function startSpan(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  parent: Context,
): StartedSpan | undefined {
  let span: Span | undefined;
  try {
    const { attributes } = options;
    const shown = attributes && printableAttributes(attributes);
    const isSame = shown === undefined || shown === attributes;
    span = tracer.startSpan(printable(name), isSame ? options : { ...options, attributes: shown }, parent);
    return { span, spanContext: span.spanContext() };
  } catch (thrown) {
    telemetryFailed('tracer', thrown);
    if (span !== undefined) endSpan(span, undefined, true, 'type');
    return undefined;
  }
}

/** Whether a span that a tracer made stands for something: it is valid, or all zeros where nothing is traced. */
export function isTracing({ spanId }: SpanContext): boolean {
  return spanId !== INVALID_SPANID;
}

/** Runs `tell` with the span where it is recorded, and with `what`. What it throws is told once and goes no further. */
export function describeSpan<W = undefined>(span: Span, tell: (span: Span, what: W) => void, what?: W): void {
  try {
    if (span.isRecording()) tell(span, what as W);
  } catch (thrown) {
    telemetryFailed('span', thrown);
  }
}

/** Writes how a hop came out onto its span, and ends the span where it is ours. Never throws. */
export function endSpan(span: Span, outcome: Outcome | undefined, owned: boolean, detail: ErrorDetail): void {
  if (outcome !== undefined) {
    try {
      writeOutcome(span, outcome, detail);
    } catch (thrown) {
      telemetryFailed('span', thrown);
    }
  }
  if (!owned) return;
  try {
    span.end(outcome?.endTime);
  } catch (thrown) {
    telemetryFailed('span', thrown);
  }
}

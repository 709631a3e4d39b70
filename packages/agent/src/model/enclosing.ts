import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { describeSpan, noSpan } from '@throughline/core/adapter';
import { ATTR_GEN_AI_OPERATION_NAME, CHAT } from '../conventions.ts';
import type { OpenStep } from '../run-step.ts';
import { modelCallIn } from './model-call.ts';
import type { OpenCall } from './model-call.ts';

/** Whether an operation is one by which a model answers a prompt. */
export function isInference(operation: unknown = CHAT): boolean {
  return operation === CHAT || operation === 'generate_content' || operation === 'text_completion';
}

function isSameOperation(one: unknown, other: unknown): boolean {
  return one === other || (isInference(one ?? '') && isInference(other ?? ''));
}

/**
 * Returns the open call of ours that a call would be made in, and that it is: `callModel` around a client that is traced. Where something
 * else runs in between, such as a tool, it is a call of its own.
 */
export function enclosingCall(context: Context, operation: string): OpenCall | undefined {
  const call = modelCallIn(context);
  if (call === undefined || !isSameOperation(call.operation, operation)) return undefined;
  return (trace.getSpan(context) ?? noSpan) === call.span ? call : undefined;
}

/** A span as an SDK makes it: the API alone does not let anybody read one. */
type ReadableSpan = Span & { readonly attributes?: Attributes; readonly kind?: unknown };

const ATTR_OPENINFERENCE_SPAN_KIND = 'openinference.span.kind';

/**
 * Returns the span that another instrumentation has opened for this very call, and that is active: that of `@ai-sdk/otel`, or of a bridge to
 * a framework. It counts the tokens.
 */
export function enclosingSpan(context: Context, operation: string): Span | undefined {
  const span: ReadableSpan | undefined = trace.getSpan(context);
  if (span?.attributes === undefined || (span.kind !== SpanKind.CLIENT && span.kind !== SpanKind.INTERNAL))
    return undefined;
  const { [ATTR_GEN_AI_OPERATION_NAME]: named, [ATTR_OPENINFERENCE_SPAN_KIND]: kind } = span.attributes;
  const isOfCall = named === undefined ? kind === 'LLM' && isInference(operation) : isSameOperation(named, operation);
  return isOfCall && span.isRecording() ? span : undefined;
}

/**
 * Returns a step that adds to a span of somebody else's. What its owner wrote stays, and its end and its status are the owner's. So is usage,
 * under whichever names.
 */
export function stepInside(span: ReadableSpan, context: Context): OpenStep {
  const describe = (more: Attributes): void =>
    describeSpan(span, () => {
      for (const [name, value] of Object.entries(more)) {
        if (value === undefined || name.startsWith(USAGE)) continue;
        if (name.startsWith(OURS) || span.attributes?.[name] === undefined) span.setAttribute(name, value);
      }
    });
  // An error may be that of an attempt which others follow.
  return { context, span, describe, end: (outcome) => describe({ ...outcome?.attributes }) };
}

const OURS = 'throughline.';
const USAGE = 'gen_ai.usage.';

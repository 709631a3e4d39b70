import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { describeSpan, failureType } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_MCP_METHOD_NAME,
  EXECUTE_TOOL,
} from './conventions.ts';

/**
 * Returns the span in which an agent framework executes this very tool, or `undefined`. The conventions say to enrich it instead
 * of opening a second one. It is INTERNAL; a SERVER span that says the same is a tool which itself calls this one.
 */
export function executeToolSpan(caller: Context, tool: string | undefined): Span | undefined {
  const span: (Span & { attributes?: Attributes; kind?: unknown }) | undefined = trace.getSpan(caller);
  const attributes = span?.attributes;
  if (attributes === undefined || attributes[ATTR_GEN_AI_OPERATION_NAME] !== EXECUTE_TOOL) return undefined;
  // A second call in it is one more, and has a span of its own.
  if (span?.kind !== SpanKind.INTERNAL || attributes[ATTR_MCP_METHOD_NAME] !== undefined) return undefined;
  const named = attributes[ATTR_GEN_AI_TOOL_NAME];
  return span.isRecording() && (named === undefined || named === tool) ? span : undefined;
}

/** Puts how a call came out onto the span that executes its tool, whose status is its owner's to set. */
export function enrichOutcome(span: Span & { attributes?: Attributes }, outcome: Outcome | undefined): void {
  if (outcome === undefined) return;
  describeSpan(span, () => {
    if (outcome.attributes !== undefined) span.setAttributes(outcome.attributes);
    const type = failureType(outcome);
    if (type !== undefined && span.attributes?.[ATTR_ERROR_TYPE] === undefined)
      span.setAttribute(ATTR_ERROR_TYPE, type);
  });
}

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

/** A span as an SDK makes it: the API alone does not let anybody read one. */
type ReadableSpan = Span & { readonly attributes?: Attributes; readonly kind?: unknown; readonly name?: unknown };

/**
 * Returns the span in which an agent framework executes this very tool, or `undefined`. The conventions say to enrich it instead
 * of opening a second one. It is INTERNAL, and CLIENT in some frameworks; a SERVER span that says the same is a tool which itself
 * calls this one.
 */
export function executeToolSpan(caller: Context, tool: string | undefined): Span | undefined {
  const span: ReadableSpan | undefined = trace.getSpan(caller);
  if (span?.attributes === undefined || (span.kind !== SpanKind.INTERNAL && span.kind !== SpanKind.CLIENT))
    return undefined;
  // A call of MCP by itself, or one that was enriched: a second call in it is one more, and has a span of its own.
  if (span.attributes[ATTR_MCP_METHOD_NAME] !== undefined) return undefined;
  return executes(span, span.attributes, tool) && span.isRecording() ? span : undefined;
}

function executes({ name }: ReadableSpan, attributes: Attributes, tool: string | undefined): boolean {
  if (attributes[ATTR_GEN_AI_OPERATION_NAME] === EXECUTE_TOOL) {
    const named = attributes[ATTR_GEN_AI_TOOL_NAME];
    return named === undefined || isNamed(named, tool);
  }
  // Mastra's bridge writes the attributes when the span ends. Until then only the name says it: `mcp_tool: 's_search' on 's'`.
  if (typeof name !== 'string' || !name.startsWith(MASTRA_TOOL)) return false;
  return isNamed(name.slice(MASTRA_TOOL.length, name.lastIndexOf("' on '")), tool);
}

const MASTRA_TOOL = "mcp_tool: '";

// Hosts of several servers put the server's name before the tool's: `s_search`, `library.search`, `mcp__library__search`.
function isNamed(named: unknown, tool: string | undefined): boolean {
  if (named === tool) return true;
  if (typeof named !== 'string' || tool === undefined || tool === '' || !named.endsWith(tool)) return false;
  return '_./:'.includes(named.charAt(named.length - tool.length - 1));
}

/** Puts what a call asks for onto the span that executes its tool. What its owner calls the tool stays. */
export function enrichRequest(span: ReadableSpan, attributes: Attributes, describe: (span: Span) => void): void {
  describeSpan(span, () => {
    const { [ATTR_GEN_AI_TOOL_NAME]: tool, ...rest } = attributes;
    span.setAttributes(rest);
    if (tool !== undefined && span.attributes?.[ATTR_GEN_AI_TOOL_NAME] === undefined)
      span.setAttribute(ATTR_GEN_AI_TOOL_NAME, tool);
    describe(span);
  });
}

/** Puts how a call came out onto the span that executes its tool, whose status is its owner's to set. */
export function enrichOutcome(span: ReadableSpan, outcome: Outcome | undefined): void {
  if (outcome === undefined) return;
  describeSpan(span, () => {
    if (outcome.attributes !== undefined) span.setAttributes(outcome.attributes);
    const type = failureType(outcome);
    if (type !== undefined && span.attributes?.[ATTR_ERROR_TYPE] === undefined)
      span.setAttribute(ATTR_ERROR_TYPE, type);
  });
}

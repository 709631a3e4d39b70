import {
  DB_SYSTEM,
  DB_SYSTEM_NAME,
  GEN_AI_OPERATION_NAME,
  MCP_METHOD_NAME,
  THROUGHLINE_CALLS,
  THROUGHLINE_DIRECTION,
} from './conventions.ts';
import type { CollectedSpan } from './span.ts';

/** Returns whether the span is the inbound end of a hop of Throughline, or was joined by one: those carry a receipt. */
export function isInboundHop({ attributes }: CollectedSpan): boolean {
  return attributes[THROUGHLINE_DIRECTION] === 'inbound' || attributes[THROUGHLINE_CALLS] !== undefined;
}

/**
 * Returns whether the span can be the outbound end of a hop, by what it says of itself. Its scope tells nothing: an adapter that
 * a user writes has one of its own.
 */
export function isOutboundHop({ attributes, kind }: CollectedSpan): boolean {
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return false;
  const direction = attributes[THROUGHLINE_DIRECTION];
  if (direction !== undefined) return direction === 'outbound';
  return !isDatabaseCall(attributes) && !isModelCall(attributes);
}

function isDatabaseCall(attributes: CollectedSpan['attributes']): boolean {
  return attributes[DB_SYSTEM_NAME] !== undefined || attributes[DB_SYSTEM] !== undefined;
}

// A call of an MCP tool has an operation of GenAI too, and is a hop.
function isModelCall(attributes: CollectedSpan['attributes']): boolean {
  return attributes[GEN_AI_OPERATION_NAME] !== undefined && attributes[MCP_METHOD_NAME] === undefined;
}

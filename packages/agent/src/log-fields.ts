import { context as contextApi, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { currentLineage } from '@throughline/core';
import { guarded, printable } from '@throughline/core/adapter';
import { ATTR_GEN_AI_AGENT_NAME, ATTR_GEN_AI_CONVERSATION_ID } from './conventions.ts';
import { carriedConversation } from './conversation.ts';
import { ATTR_LINEAGE_ATTEMPT, ATTR_LINEAGE_HOPS } from './own-names.ts';
import { turnIn } from './turn.ts';

/** What a log line is given: a new object each time. */
export type LogFields = Record<string, string | number>;

const MAX_LENGTH = 256;

/**
 * Returns what ties a log line to what runs now: `trace_id`, `span_id` and `trace_flags`, as OpenTelemetry's log bridges name them;
 * `gen_ai.agent.name` in a turn, `gen_ai.conversation.id`, and of the lineage `throughline.lineage.hops` and `throughline.lineage.attempt`.
 * What is not there is left out: where nothing is active, that is all of it. Never throws.
 *
 * @example
 * ```ts
 * console.error(JSON.stringify({ ...logFields(), message: 'asked' }));
 * ```
 */
export function logFields(context: Context = contextApi.active()): LogFields {
  let fields: LogFields = {};
  // A context manager, a span or a baggage of the application's may be anything.
  guarded('logger', () => (fields = activeFields(context)));
  return fields;
}

function activeFields(context: Context): LogFields {
  const span = trace.getSpanContext(context);
  const turn = turnIn(context);
  const lineage = currentLineage(context);
  const isValid = span !== undefined && isSpanContextValid(span);
  return fieldsOf({
    trace_id: isValid ? span.traceId : undefined,
    span_id: isValid ? span.spanId : undefined,
    trace_flags: isValid ? (span.traceFlags & 0xff).toString(16).padStart(2, '0') : undefined,
    [ATTR_GEN_AI_AGENT_NAME]: shortText(turn?.agent),
    [ATTR_GEN_AI_CONVERSATION_ID]: shortText(turn?.conversationId ?? carriedConversation(context)),
    [ATTR_LINEAGE_HOPS]: lineage?.hops,
    [ATTR_LINEAGE_ATTEMPT]: lineage?.attempt,
  });
}

// It may come from outside.
function shortText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : printable(text, MAX_LENGTH);
}

/** Returns fields without those that are `undefined`. */
export function fieldsOf(given: Readonly<Record<string, string | number | undefined>>): LogFields {
  const fields: LogFields = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

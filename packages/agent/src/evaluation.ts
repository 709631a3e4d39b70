import { context as contextApi, trace } from '@opentelemetry/api';
import type { AttributeValue, Span } from '@opentelemetry/api';
import { checkName, checkObject, guarded, noSpan } from '@throughline/core/adapter';
import { contentText } from './content.ts';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_EVALUATION_EXPLANATION,
  ATTR_GEN_AI_EVALUATION_NAME,
  ATTR_GEN_AI_EVALUATION_SCORE_LABEL,
  ATTR_GEN_AI_EVALUATION_SCORE_VALUE,
  ATTR_GEN_AI_RESPONSE_ID,
  EVENT_GEN_AI_EVALUATION_RESULT,
} from './conventions.ts';
import { tellEvent } from './events.ts';
import { ATTR_EVALUATED_SPAN } from './own-names.ts';
import { settingsOf } from './settings.ts';
import { textIn } from './step.ts';
import { turnIn } from './turn.ts';

/** How something was judged. */
export interface Evaluation {
  readonly score?: number | undefined;
  /** Of a few words that you choose: `pass`, `relevant`. */
  readonly label?: string | undefined;
  /** Why. It is content, and goes out where `content.explanations` says so. */
  readonly explanation?: string | undefined;
  /** The id of the answer that was judged, for who looks for it later. */
  readonly responseId?: string | undefined;
  /** The evaluation itself failed: a class of errors. */
  readonly errorType?: string | undefined;
  readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
  /** The span of what was judged. Default: the active one. */
  readonly span?: Span | undefined;
}

/**
 * Records how an answer was judged, as the conventions' event `gen_ai.evaluation.result` of the active span, or of `span`. A span that has
 * ended takes no more events: then the event is on the active span and names the other one, and a log record is that of the other one in any
 * case. Throws a `ThroughlineError` for a name that is none.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/gen-ai-events.md
 *
 * @example
 * ```ts
 * recordEvaluation('relevance', { score: 0.82, label: 'pass', responseId: answer.id });
 * ```
 */
export function recordEvaluation(name: string, evaluation: Evaluation = {}): void {
  checkName('name', name ?? '');
  checkObject('evaluation', evaluation, 'an object, such as { score: 0.8 }');
  const { score, label, explanation, responseId, errorType, attributes, span } = evaluation;
  const active = contextApi.active();
  const settings = turnIn(active)?.settings ?? settingsOf(undefined);
  const activeSpan = trace.getSpan(active) ?? noSpan;
  const judged = span ?? activeSpan;
  const told = takesEvents(judged) ? judged : activeSpan;
  tellEvent(settings, told, span === undefined ? active : trace.setSpan(active, span), EVENT_GEN_AI_EVALUATION_RESULT, {
    ...attributes,
    [ATTR_GEN_AI_EVALUATION_NAME]: name,
    [ATTR_GEN_AI_EVALUATION_SCORE_VALUE]: Number.isFinite(score) ? score : undefined,
    [ATTR_GEN_AI_EVALUATION_SCORE_LABEL]: textIn(label),
    [ATTR_GEN_AI_EVALUATION_EXPLANATION]: contentText(settings.content, 'explanation', explanation),
    [ATTR_GEN_AI_RESPONSE_ID]: textIn(responseId),
    [ATTR_ERROR_TYPE]: textIn(errorType),
    [ATTR_EVALUATED_SPAN]: told === judged ? undefined : idOf(judged),
  });
}

function takesEvents(span: Span): boolean {
  let takes = false;
  guarded('span', () => (takes = span.isRecording()));
  return takes;
}

function idOf(span: Span): string | undefined {
  let id: string | undefined;
  guarded('span', () => (id = span.spanContext().spanId));
  return id;
}

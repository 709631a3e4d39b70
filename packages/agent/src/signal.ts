import { context as contextApi, trace } from '@opentelemetry/api';
import type { Attributes, AttributeValue, Context, Span } from '@opentelemetry/api';
import { checkName, noSpan } from '@throughline/core/adapter';
import { ATTR_GEN_AI_AGENT_NAME } from './conventions.ts';
import { tellEvent } from './events.ts';
import type { EventAttributes } from './events.ts';
import { ATTR_SIGNAL_KIND, ATTR_SIGNAL_MESSAGE, ATTR_SIGNAL_VALUE, EVENT_SIGNAL } from './own-names.ts';
import { settingsOf } from './settings.ts';
import type { Settings } from './settings.ts';
import { turnIn } from './turn.ts';
import type { TurnState } from './turn.ts';

/** What fails in silence. */
export type SignalKind =
  | 'required_tool_skipped'
  | 'empty_retrieval'
  | 'stale_retrieval'
  | 'empty_result'
  | 'tool_said_no'
  | 'answer_cut_off'
  | 'answer_filtered'
  | 'empty_answer'
  | 'schema_invalid'
  | 'not_grounded'
  | 'contradicts_earlier_step'
  | 'low_confidence'
  | 'score_drift';

/** What is known of a signal beside its kind. */
export interface SignalDetail {
  /** For people. No content: it goes onto the span. */
  readonly message?: string | undefined;
  /** A score, a share, an age in seconds. */
  readonly value?: number | undefined;
  readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
}

/**
 * Records that something failed in silence: as an event of the active span, in the sums of the turn, and as the counter
 * `throughline.signals`. Returns nothing and changes nothing else.
 *
 * @example
 * ```ts
 * if (!citesSource(answer)) recordSignal('not_grounded', { message: 'no passage says so' });
 * ```
 */
export function recordSignal(kind: SignalKind | (string & {}), detail: SignalDetail = {}): void {
  checkName('kind', kind);
  const context = contextApi.active();
  const turn = turnIn(context);
  tellSignal(turn?.settings ?? settingsOf(undefined), trace.getSpan(context) ?? noSpan, context, turn, kind, detail);
}

// A loop must not make a span endless.
const MOST_KINDS = 32;

/** {@link recordSignal}, on a span of ours. */
export function tellSignal(
  settings: Settings,
  span: Span,
  context: Context,
  turn: TurnState | undefined,
  kind: SignalKind | (string & {}),
  { message, value, attributes }: SignalDetail = {},
): void {
  const said: EventAttributes = {
    ...attributes,
    [ATTR_SIGNAL_KIND]: kind,
    [ATTR_SIGNAL_MESSAGE]: message,
    [ATTR_SIGNAL_VALUE]: value,
    [ATTR_GEN_AI_AGENT_NAME]: turn?.agent,
  };
  tellEvent(settings, span, context, EVENT_SIGNAL, said);
  if (turn !== undefined) {
    const { signals } = turn.sums;
    if (!signals.includes(kind) && signals.length < MOST_KINDS) signals.push(kind);
  }
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels: Attributes = {
    [ATTR_SIGNAL_KIND]: instruments.label('signal', kind),
    [ATTR_GEN_AI_AGENT_NAME]: instruments.label('agent', turn?.agent),
  };
  instruments.signal(labels);
}

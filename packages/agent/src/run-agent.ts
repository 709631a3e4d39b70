import { context as contextApi, trace } from '@opentelemetry/api';
import type { Attributes, Context, Link, Span, SpanContext } from '@opentelemetry/api';
import type { AgentIdentity } from '@throughline/core';
import { checkName, failureType, Links, optionError } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  INVOKE_AGENT,
} from './conventions.ts';
import { carriedConversation } from './conversation.ts';
import { endingOutcome } from './ending.ts';
import { tellEvent } from './events.ts';
import { follow } from './follow.ts';
import type { AgentOptions, OwnAttributes } from './options.ts';
import {
  ATTR_COST_CURRENCY,
  ATTR_HANDOFF_TO,
  ATTR_SIGNALS,
  ATTR_TURN_ATTEMPTS,
  ATTR_TURN_COST,
  ATTR_TURN_INFERENCES,
  ATTR_TURN_INPUT_TOKENS,
  ATTR_TURN_MODEL_CALLS,
  ATTR_TURN_OUTCOME,
  ATTR_TURN_OUTPUT_TOKENS,
  ATTR_TURN_REPEATED_TOOL_CALLS,
  ATTR_TURN_RETRIEVALS,
  ATTR_TURN_TOOL_CALLS,
  ATTR_TURN_WASTED_TIME,
  ATTR_TURN_WASTED_TOKENS,
  EVENT_HANDOFF,
} from './own-names.ts';
import { startStep } from './run-step.ts';
import { settingsOf } from './settings.ts';
import { tellSignal } from './signal.ts';
import { agentStep } from './step.ts';
import { attemptIn, turnIn, TurnSums, withTurn } from './turn.ts';
import type { TurnState } from './turn.ts';

/** The options of {@link runAgent}. */
export interface RunAgentOptions extends AgentOptions, OwnAttributes {
  readonly description?: string | undefined;
  /** Default: that of the turn around, or the baggage's. None is invented. */
  readonly conversationId?: string | undefined;
  /** What else led to the turn, such as the answers that it joins: contexts, or spans' own. Each is a link. */
  readonly links?: Iterable<Context | SpanContext> | undefined;
  /**
   * Tools that a turn has to call. One that succeeds without gets the signal `required_tool_skipped` for each that it did not call by
   * `runTool`; what agents below it call does not count.
   */
  readonly requiredTools?: readonly string[] | undefined;
}

/** A turn that runs. */
export interface Turn {
  readonly span: Span;
  /** What runs in the turn runs in this. */
  readonly context: Context;
  readonly conversationId: string | undefined;
}

/**
 * Returns what `fn` returns, run in a turn of an agent: an `invoke_agent` span, which is active in it. It ends when the result is there or,
 * where that is a stream, when the stream has ended, was left, or was forgotten. Its attributes `throughline.turn.*` sum up the calls of
 * models and tools in it. A thrown value comes out as the same object. Throws a `ThroughlineError` for wrong options.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/gen-ai-agent-spans.md
 *
 * @example
 * ```ts
 * const answer = await runAgent('planner', { conversationId }, () => plan(question));
 * ```
 */
export function runAgent<T>(agent: string | AgentIdentity, fn: (turn: Turn) => T): T;
export function runAgent<T>(
  agent: string | AgentIdentity,
  options: RunAgentOptions | undefined,
  fn: (turn: Turn) => T,
): T;
export function runAgent<T>(
  agent: string | AgentIdentity,
  ...given: [fn: (turn: Turn) => T] | [options: RunAgentOptions | undefined, fn: (turn: Turn) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  const { name, id, version } = identityOf(agent);
  const active = contextApi.active();
  const around = turnIn(active);
  const settings = settingsOf(options, around?.settings);
  checkName('conversationId', options?.conversationId);
  checkTools(options?.requiredTools);
  const conversationId = options?.conversationId ?? around?.conversationId ?? carriedConversation(active);
  const step = agentStep(name, { id, version, description: options?.description, conversationId });
  const attributes = { ...options?.attributes, ...step.attributes };
  const open = startStep({ ...step, attributes }, settings.tracer, { links: linksOf(options?.links) });
  const turn: TurnState = {
    settings,
    open,
    agent: name,
    conversationId,
    attempt: attemptIn(active, undefined),
    sums: new TurnSums(),
    calls: new Map(),
    lastAttempts: new Map(),
    toolsMissing: new Set(options?.requiredTools),
    ended: false,
  };
  const context = withTurn(open.context, turn);
  const started = performance.now();
  return follow(() => fn({ span: open.span, context, conversationId }), {
    context,
    abandonMs: settings.abandonMs,
    ended: (ending) => {
      const seconds = (performance.now() - started) / 1000;
      // Whoever left a stream early may have left before the tool's turn.
      if (ending.how === 'done') tellToolsSkipped(turn, context);
      endTurn(turn, endingOutcome(ending), seconds);
    },
  });
}

function tellToolsSkipped(turn: TurnState, context: Context): void {
  for (const tool of turn.toolsMissing) {
    tellSignal(turn.settings, turn.open.span, context, turn, 'required_tool_skipped', {
      attributes: { [ATTR_GEN_AI_TOOL_NAME]: tool },
    });
  }
}

function endTurn(turn: TurnState, outcome: Outcome, seconds: number): void {
  const { settings, open, agent, sums } = turn;
  turn.ended = true;
  const type = failureType(outcome);
  open.describe(sumsOf(turn, type !== undefined));
  open.end(outcome);
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels: Attributes = {
    [ATTR_GEN_AI_OPERATION_NAME]: INVOKE_AGENT,
    [ATTR_GEN_AI_AGENT_NAME]: instruments.label('agent', agent),
  };
  if (type !== undefined) labels[ATTR_ERROR_TYPE] = type;
  instruments.agent(seconds, sums.modelCalls, sums.toolCalls, labels);
}

function sumsOf({ sums, settings }: TurnState, failed: boolean): Attributes {
  const { modelCalls, toolCalls, retrievals, inferences, attempts, retries, cost, signals } = sums;
  return {
    [ATTR_TURN_OUTCOME]: failed ? 'failed' : retries > 0 ? 'ok_after_retries' : 'ok',
    [ATTR_TURN_MODEL_CALLS]: modelCalls,
    [ATTR_TURN_TOOL_CALLS]: toolCalls,
    [ATTR_TURN_RETRIEVALS]: retrievals > 0 ? retrievals : undefined,
    [ATTR_TURN_INFERENCES]: inferences > 0 ? inferences : undefined,
    [ATTR_TURN_ATTEMPTS]: attempts,
    [ATTR_TURN_INPUT_TOKENS]: modelCalls > 0 ? sums.inputTokens : undefined,
    [ATTR_TURN_OUTPUT_TOKENS]: modelCalls > 0 ? sums.outputTokens : undefined,
    [ATTR_TURN_WASTED_TIME]: sums.wastedMs > 0 ? sums.wastedMs / 1000 : undefined,
    [ATTR_TURN_WASTED_TOKENS]: sums.wastedTokens > 0 ? sums.wastedTokens : undefined,
    [ATTR_TURN_REPEATED_TOOL_CALLS]: sums.repeatedToolCalls > 0 ? sums.repeatedToolCalls : undefined,
    [ATTR_TURN_COST]: cost === undefined ? undefined : Number(cost.toFixed(9)),
    [ATTR_COST_CURRENCY]: cost === undefined ? undefined : settings.currency,
    [ATTR_SIGNALS]: signals.length > 0 ? signals : undefined,
  };
}

/**
 * Tells of a hand-over to another agent, on the span of the turn that runs: what comes after it is that agent's. Does nothing outside of a
 * turn.
 */
export function recordHandoff(to: string | AgentIdentity): void {
  const { name } = identityOf(to);
  const context = contextApi.active();
  const turn = turnIn(context);
  if (turn === undefined) return;
  tellEvent(turn.settings, turn.open.span, context, EVENT_HANDOFF, {
    [ATTR_GEN_AI_AGENT_NAME]: turn.agent,
    [ATTR_HANDOFF_TO]: name,
  });
}

function identityOf(agent: string | AgentIdentity): AgentIdentity {
  const identity: AgentIdentity = typeof agent === 'string' ? { name: agent } : agent;
  if (typeof identity !== 'object' || identity === null || typeof identity.name !== 'string' || identity.name === '') {
    throw optionError('agent', 'a name, or { name, id, version }', agent);
  }
  return identity;
}

function checkTools(tools: unknown): void {
  if (tools === undefined) return;
  const isList = Array.isArray(tools) && tools.every((tool) => typeof tool === 'string' && tool !== '');
  if (!isList) throw optionError('requiredTools', "names of tools, such as ['search']", tools);
}

function linksOf(branches: Iterable<Context | SpanContext> | undefined): Link[] | undefined {
  if (branches === undefined) return undefined;
  const links = new Links();
  for (const branch of branches) {
    const spanContext = 'getValue' in branch ? trace.getSpanContext(branch) : branch;
    if (spanContext !== undefined) links.add(spanContext);
  }
  return links.list;
}

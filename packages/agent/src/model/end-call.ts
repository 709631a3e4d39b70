import type { Attributes } from '@opentelemetry/api';
import { spendBudget } from '@throughline/core';
import type { LineageError } from '@throughline/core';
import { failureType, guarded } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { contentText } from '../content.ts';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_MODEL,
  CHAT,
} from '../conventions.ts';
import { digestOf } from '../digest.ts';
import { endingOutcome } from '../ending.ts';
import { tellEvent } from '../events.ts';
import { rememberFailure, requestIdIn } from '../failed-call.ts';
import type { FailedCall } from '../failed-call.ts';
import type { Ending } from '../follow-stream.ts';
import {
  ATTR_COST,
  ATTR_COST_CURRENCY,
  ATTR_INPUT_DIGEST,
  ATTR_MODEL_ATTEMPTS,
  ATTR_MODEL_PROCESSING_TIME,
  ATTR_MODEL_QUEUE_TIME,
  ATTR_MODEL_REGION,
  ATTR_MODEL_REQUEST_ID,
  ATTR_MODEL_REQUESTS_LEFT,
  ATTR_MODEL_RETRY_WAIT,
  ATTR_MODEL_TOKENS_LEFT,
  ATTR_ROUTING_FROM,
  ATTR_ROUTING_TO,
  ATTR_ROUTING_WHAT,
  ATTR_STREAM_ENDED,
  EVENT_ROUTING_CHANGED,
} from '../own-names.ts';
import { costOf } from '../price.ts';
import { markQuoting } from '../quoting.ts';
import type { OpenStep } from '../run-step.ts';
import type { Settings } from '../settings.ts';
import { tellSignal } from '../signal.ts';
import { answerAttributes, countIn, textIn } from '../step.ts';
import { settleAttempt } from '../turn.ts';
import type { TurnState } from '../turn.ts';
import { isInference } from './enclosing.ts';
import { isAbort, modelErrorType } from './error-type.ts';
import { NO_HEADERS } from './model-call.ts';
import type { OpenCall } from './model-call.ts';
import type { CallRequest } from './request.ts';

/** Attempts of the same work that were calls of their own, and the waiting after them in milliseconds. */
export interface EarlierAttempts {
  readonly count: number;
  readonly waited: number;
}

/** A call, as what ends it has to know it. */
export interface CallState {
  readonly call: OpenCall;
  readonly open: OpenStep;
  readonly settings: Settings;
  readonly turn: TurnState | undefined;
  readonly request: CallRequest;
  readonly attempt: number;
  readonly earlier: EarlierAttempts;
  /** The span is that of another instrumentation. */
  readonly isTheirs: boolean;
}

/** Ends a call that is not to be made. */
export function endRefused({ call, open, turn, request, attempt }: CallState, error: LineageError): void {
  call.isOver = true;
  const nothing = { attempt, ms: 0, tokens: 0, failed: true };
  if (turn !== undefined) settleAttempt(turn, `model ${request.model ?? ''}`, nothing, 0);
  open.end({ failed: true, error, errorType: `throughline.${error.reason}` });
}

/** Ends a call: writes onto its span what it took and what came back, and takes it into the sums and metrics. */
export function endCall(state: CallState, ending: Ending): void {
  const { call, open, settings, turn, request, attempt, earlier, isTheirs } = state;
  const { phases } = call;
  phases.end = performance.now();
  const outcome = outcomeOf(call, ending);
  const type = failureType(outcome);
  if (type !== undefined) rememberFailure(outcome.error, failedCall(state, outcome.error, type));
  const usage = usageOf(call);
  const cost = costIn(settings, call, request, usage);
  if (ending.how === 'done') tellWhatIsWrong(state);
  tellRoute(state);
  call.isOver = true;
  open.describe({
    ...phases.attributes(),
    ...(earlier.count > 0 ? attemptAttributes(earlier, isTheirs) : undefined),
    ...saidAttributes(call, settings),
    [ATTR_COST]: cost,
    [ATTR_COST_CURRENCY]: cost === undefined ? undefined : settings.currency,
    [ATTR_INPUT_DIGEST]: type === undefined || request.messages === undefined ? undefined : digestOf(request.messages),
    [ATTR_GEN_AI_OUTPUT_MESSAGES]: call.text === '' ? undefined : contentText(settings.content, 'answer', call.text),
  });
  const ms = phases.end - phases.start;
  const tokens = (usage.input ?? 0) + (usage.output ?? 0);
  spendBudget({ tokens, cost }, open.context);
  open.end(outcome);
  if (turn !== undefined) {
    addUsage(turn, usage, cost);
    turn.sums.attempts += Math.max(0, phases.attempts - 1);
    turn.sums.retries += Math.max(0, phases.attempts - 1);
    settleAttempt(
      turn,
      `model ${request.model ?? ''}`,
      { attempt, ms, tokens, failed: type !== undefined },
      phases.wasted,
    );
  }
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels = labelsOf(settings, turn, request, textIn(call.said.model), type);
  // Who opened the span measures how long it took.
  if (!isTheirs) {
    if (isInference(request.operation)) instruments.modelCall(ms / 1000, labels);
    else instruments.operation(ms / 1000, labels, request.operation);
  }
  if (isInference(request.operation)) instruments.attempts(Math.max(1, phases.attempts), labels);
  const { firstChunk, start } = phases;
  if (firstChunk !== undefined) instruments.firstChunk((firstChunk - start) / 1000, labels);
  instruments.tokens(usage, labels, request.operation);
  if (cost !== undefined) instruments.cost(cost, { ...labels, [ATTR_COST_CURRENCY]: settings.currency });
}

/** Of one attempt of several that are calls of their own. */
function attemptAttributes({ count, waited }: EarlierAttempts, isTheirs: boolean): Attributes {
  return {
    [ATTR_MODEL_ATTEMPTS]: isTheirs ? count + 1 : undefined,
    [ATTR_MODEL_RETRY_WAIT]: waited / 1000,
  };
}

function outcomeOf({ said }: OpenCall, ending: Ending): Outcome {
  const isFailed = ending.how === 'failed';
  if (!isFailed && (ending.how !== 'done' || said.error === undefined)) return endingOutcome(ending);
  const error = isFailed ? ending.error : said.error;
  // Who aborts a call has what it wanted.
  if (isAbort(error)) return { failed: false, attributes: { [ATTR_STREAM_ENDED]: 'aborted' } };
  markQuoting(error);
  return { failed: true, error, errorType: modelErrorType(error) };
}

function failedCall({ call, turn, request }: CallState, error: unknown, type: string): FailedCall {
  const { model, provider, operation = CHAT, serverAddress, messages } = request;
  return {
    errorType: type,
    operation,
    model,
    provider,
    serverAddress,
    agent: turn?.agent,
    conversationId: request.conversationId ?? turn?.conversationId,
    requestId: call.headersSaid.requestId ?? requestIdIn(error),
    inputDigest: messages === undefined ? undefined : digestOf(messages),
  };
}

interface Usage {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly cacheRead: number | undefined;
  readonly cacheWrite: number | undefined;
  readonly reasoning: number | undefined;
}

function usageOf({ said }: OpenCall): Usage {
  return {
    input: countIn(said.inputTokens),
    output: countIn(said.outputTokens),
    cacheRead: countIn(said.cacheReadTokens),
    cacheWrite: countIn(said.cacheWriteTokens),
    reasoning: countIn(said.reasoningTokens),
  };
}

function costIn(settings: Settings, { said }: OpenCall, request: CallRequest, usage: Usage): number | undefined {
  const { input, output, cacheRead = 0, cacheWrite = 0 } = usage;
  if (settings.prices === undefined || (input === undefined && output === undefined)) return undefined;
  let cost: number | undefined;
  guarded('content', () => {
    const tokens = { input: input ?? 0, output: output ?? 0, cacheRead, cacheWrite };
    cost = costOf(settings.prices, textIn(said.model), request.model, tokens);
  });
  return cost;
}

function addUsage({ sums }: TurnState, { input, output }: Usage, cost: number | undefined): void {
  sums.inputTokens += input ?? 0;
  sums.outputTokens += output ?? 0;
  if (cost !== undefined) sums.cost = (sums.cost ?? 0) + cost;
}

const CUT_OFF: readonly unknown[] = [
  'length',
  'max_tokens',
  'max_output_tokens',
  'MAX_TOKENS',
  'model_context_window_exceeded',
];
const FILTERED: readonly unknown[] = ['content_filter', 'content-filter', 'refusal', 'SAFETY'];

/** Tells of an answer that came back without an error and is none all the same. */
function tellWhatIsWrong({ call, settings, turn, request }: CallState): void {
  const reasons = Array.isArray(call.said.finishReasons) ? (call.said.finishReasons as unknown[]) : [];
  const tell = (kind: Parameters<typeof tellSignal>[4]): void =>
    tellSignal(settings, call.span, call.context, turn, kind);
  if (reasons.some((reason) => CUT_OFF.includes(reason))) tell('answer_cut_off');
  else if (reasons.some((reason) => FILTERED.includes(reason))) tell('answer_filtered');
  else if (reasons.length > 0 && isInference(request.operation) && !call.hasText && !call.hasToolCall)
    tell('empty_answer');
}

function tellRoute({ call, settings, request }: CallState): void {
  const { said, headersSaid } = call;
  const changes = settings.routes.next(request.provider ?? '', request.model ?? '', {
    model: textIn(said.model),
    region: headersSaid.region,
    fingerprint: textIn(said.fingerprint),
  });
  for (const { what, from, to } of changes) {
    tellEvent(settings, call.span, call.context, EVENT_ROUTING_CHANGED, {
      [ATTR_ROUTING_WHAT]: what,
      [ATTR_ROUTING_FROM]: from,
      [ATTR_ROUTING_TO]: to,
    });
  }
}

function saidAttributes({ said, headersSaid, phases }: OpenCall, { olderNames }: Settings): Attributes {
  const answered = answerAttributes(said, olderNames ? 'v1.41.0' : 'v0.1.0');
  if (headersSaid === NO_HEADERS && phases.queue === undefined) return answered;
  return {
    ...answered,
    [ATTR_MODEL_REQUEST_ID]: headersSaid.requestId,
    [ATTR_MODEL_QUEUE_TIME]: phases.queue,
    [ATTR_MODEL_PROCESSING_TIME]: headersSaid.processing,
    [ATTR_MODEL_REGION]: headersSaid.region,
    [ATTR_MODEL_REQUESTS_LEFT]: headersSaid.requestsLeft,
    [ATTR_MODEL_TOKENS_LEFT]: headersSaid.tokensLeft,
  };
}

/** Returns what a call is measured by. */
export function labelsOf(
  settings: Settings,
  turn: TurnState | undefined,
  { model, provider, operation = CHAT }: CallRequest,
  served: string | undefined,
  type: string | undefined,
): Attributes {
  const label = settings.instruments()?.label;
  const labels: Attributes = {
    [ATTR_GEN_AI_OPERATION_NAME]: label?.('operation', operation),
    [ATTR_GEN_AI_PROVIDER_NAME]: label?.('provider', provider),
    [ATTR_GEN_AI_REQUEST_MODEL]: label?.('model', model),
    [ATTR_GEN_AI_RESPONSE_MODEL]: label?.('model', served),
    [ATTR_GEN_AI_AGENT_NAME]: label?.('agent', turn?.agent),
  };
  if (type !== undefined) labels[ATTR_ERROR_TYPE] = type;
  return labels;
}

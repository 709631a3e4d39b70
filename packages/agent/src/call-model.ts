import { context as contextApi } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { spendBudget } from '@throughline/core';
import type { LineageError } from '@throughline/core';
import { checkName, checkObject, failureType, guarded, optionError, refusedSpending } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { contentText, records } from './content.ts';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  CHAT,
} from './conventions.ts';
import { digestOf } from './digest.ts';
import { endingOutcome } from './ending.ts';
import { tellEvent } from './events.ts';
import { rememberFailure, requestIdIn } from './failed-call.ts';
import type { FailedCall } from './failed-call.ts';
import type { Ending } from './follow-stream.ts';
import { follow } from './follow.ts';
import { isAbort, modelErrorType } from './model/error-type.ts';
import { NO_HEADERS, OpenCall } from './model/model-call.ts';
import type { ModelCall } from './model/model-call.ts';
import { readAnswer } from './model/read-answer.ts';
import { addRequest } from './model/request.ts';
import type { ModelRequest } from './model/request.ts';
import type { AnswerReader } from './model/said.ts';
import type { AgentOptions, OwnAttributes } from './options.ts';
import {
  ATTR_ATTEMPT,
  ATTR_COST,
  ATTR_COST_CURRENCY,
  ATTR_INPUT_DIGEST,
  ATTR_MODEL_PROCESSING_TIME,
  ATTR_MODEL_QUEUE_TIME,
  ATTR_MODEL_REGION,
  ATTR_MODEL_REQUEST_ID,
  ATTR_MODEL_REQUESTS_LEFT,
  ATTR_MODEL_TOKENS_LEFT,
  ATTR_ROUTING_FROM,
  ATTR_ROUTING_TO,
  ATTR_ROUTING_WHAT,
  ATTR_STREAM_ENDED,
  EVENT_ROUTING_CHANGED,
} from './own-names.ts';
import { costOf } from './price.ts';
import { markQuoting } from './quoting.ts';
import { startStep } from './run-step.ts';
import type { OpenStep } from './run-step.ts';
import { settingsOf } from './settings.ts';
import type { Settings } from './settings.ts';
import { tellSignal } from './signal.ts';
import { answerAttributes, countIn, modelStep, textIn } from './step.ts';
import { attemptIn, countAttempt, settleAttempt, turnIn } from './turn.ts';
import type { TurnState } from './turn.ts';

/** The options of {@link callModel}. */
export interface CallModelOptions extends AgentOptions, OwnAttributes {
  /** How a chunk of the stream, or an answer, is read. Default: as the formats of OpenAI, Anthropic and the AI SDK. */
  readonly read?: AnswerReader | undefined;
}

/**
 * Returns what `fn` returns, run as a call of a model: a CLIENT span `chat {model}`, which is active in it. Where `fn` returns a stream, or
 * promises one, the span ends with the stream; it says when the request went out, when headers, the first chunk and the first token came, and
 * where the model stalled. Usage is read from what comes back, and counts once, on this span. A thrown value comes out as the same object.
 * Throws a `ThroughlineError` for wrong options.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/client-inference.md
 *
 * @example
 * ```ts
 * const stream = await callModel({ model: 'gpt-9', provider: 'openai', stream: true }, ({ fetch }) => ask(question, { fetch }));
 * for await (const chunk of stream) write(chunk);
 * ```
 */
export function callModel<T>(request: ModelRequest, fn: (call: ModelCall) => T): T;
export function callModel<T>(
  request: ModelRequest,
  options: CallModelOptions | undefined,
  fn: (call: ModelCall) => T,
): T;
export function callModel<T>(
  request: ModelRequest,
  ...given: [fn: (call: ModelCall) => T] | [options: CallModelOptions | undefined, fn: (call: ModelCall) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  checkObject('request', request, "an object, such as { model: 'gpt-9' }");
  if (request.model === undefined) throw optionError('request.model', 'the name of the model', undefined);
  checkName('request.model', request.model);
  const started = startCall(request, options);
  if (started.refused !== undefined) throw started.refused;
  return follow(() => fn(started.call), followingOf(started));
}

/** A model call that has started, for who follows it by itself. */
export interface StartedCall {
  readonly call: OpenCall;
  readonly abandonMs: number;
  /** Ends the call, once. */
  readonly ended: (ending: Ending) => void;
  /** The call is not to be made, and has ended: the error to throw in its place. */
  readonly refused: LineageError | undefined;
}

/** Returns what follows a result to its end, for a call. */
export function followingOf({ call, abandonMs, ended }: StartedCall): {
  readonly context: OpenCall['context'];
  readonly abandonMs: number;
  readonly chunk: (value: unknown, waited: number) => void;
  readonly ended: (ending: Ending) => void;
} {
  return { context: call.context, abandonMs, chunk: (value, waited) => call.chunk(value, waited), ended };
}

/** Starts a call of a model. Never throws but for wrong options. */
export function startCall(request: ModelRequest, options: CallModelOptions | undefined): StartedCall {
  const active = contextApi.active();
  const turn = turnIn(active);
  const settings = settingsOf(options, turn?.settings);
  const attempt = attemptIn(active, turn);
  const conversationId = request.conversationId ?? turn?.conversationId;
  const step = modelStep(request.model, { provider: request.provider, operation: request.operation, conversationId });
  const attributes: Attributes = { ...options?.attributes, ...step.attributes };
  addRequest(attributes, request);
  if (turn?.agent !== undefined) attributes[ATTR_GEN_AI_AGENT_NAME] = turn.agent;
  if (attempt > 1) attributes[ATTR_ATTEMPT] = attempt;
  const open = startStep({ ...step, attributes }, settings.tracer);
  const { content } = settings;
  if (content !== undefined) {
    open.describe({
      [ATTR_GEN_AI_INPUT_MESSAGES]: contentText(content, 'prompt', request.messages),
      [ATTR_GEN_AI_SYSTEM_INSTRUCTIONS]: contentText(content, 'instructions', request.instructions),
    });
  }
  if (turn !== undefined) {
    turn.sums.modelCalls++;
    countAttempt(turn, attempt);
  }
  const instruments = settings.chunkMetric ? settings.instruments() : undefined;
  const call = new OpenCall(open, settings, options?.read ?? readAnswer, {
    keepsText: records(content, 'answer'),
    chunkLabels: instruments === undefined ? undefined : labelsOf(settings, turn, request, undefined, undefined),
  });
  const state: CallState = { call, open, settings, turn, request, attempt };
  const ended = (ending: Ending): void => {
    if (call.isOver) return;
    if (ending.how === 'done' && call.phases.chunks === 0 && ending.value !== undefined) call.read(ending.value);
    endCall(state, ending);
  };
  const refused = refusedSpending({ transport: 'model', name: request.model }, open.span, settings.hop, active);
  if (refused !== undefined) endRefused(state, refused);
  return { call, abandonMs: settings.abandonMs, ended, refused };
}

function endRefused({ call, open, turn }: CallState, error: LineageError): void {
  call.isOver = true;
  if (turn !== undefined) turn.sums.failures++;
  open.end({ failed: true, error, errorType: `throughline.${error.reason}` });
}

interface CallState {
  readonly call: OpenCall;
  readonly open: OpenStep;
  readonly settings: Settings;
  readonly turn: TurnState | undefined;
  readonly request: ModelRequest;
  readonly attempt: number;
}

function endCall(state: CallState, ending: Ending): void {
  const { call, open, settings, turn, request, attempt } = state;
  const { phases } = call;
  phases.end = performance.now();
  const outcome = outcomeOf(ending);
  const type = failureType(outcome);
  if (ending.how === 'failed' && type !== undefined)
    rememberFailure(ending.error, failedCall(state, ending.error, type));
  const usage = usageOf(call);
  const cost = costIn(settings, call, request, usage);
  if (ending.how === 'done') tellWhatIsWrong(state);
  tellRoute(state);
  call.isOver = true;
  open.describe({
    ...phases.attributes(),
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
    settleAttempt(turn, `model ${request.model}`, { attempt, ms, tokens, failed: type !== undefined }, phases.wasted);
  }
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels = labelsOf(settings, turn, request, textIn(call.said.model), type);
  if (isInference(request)) instruments.modelCall(ms / 1000, labels);
  else instruments.operation(ms / 1000, labels);
  const { firstChunk, start } = phases;
  if (firstChunk !== undefined) instruments.firstChunk((firstChunk - start) / 1000, labels);
  instruments.tokens(usage, labels);
  if (cost !== undefined) instruments.cost(cost, { ...labels, [ATTR_COST_CURRENCY]: settings.currency });
}

function outcomeOf(ending: Ending): Outcome {
  if (ending.how !== 'failed') return endingOutcome(ending);
  const { error } = ending;
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

function costIn(settings: Settings, { said }: OpenCall, request: ModelRequest, usage: Usage): number | undefined {
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
  else if (reasons.length > 0 && isInference(request) && !call.hasText && !call.hasToolCall) tell('empty_answer');
}

function tellRoute({ call, settings, request }: CallState): void {
  const { said, headersSaid } = call;
  const changes = settings.routes.next(request.provider ?? '', request.model, {
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

function isInference({ operation = CHAT }: ModelRequest): boolean {
  return operation === CHAT || operation === 'generate_content' || operation === 'text_completion';
}

function labelsOf(
  settings: Settings,
  turn: TurnState | undefined,
  { model, provider, operation = CHAT }: ModelRequest,
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

import type { Attributes } from '@opentelemetry/api';
import type { LineageError } from '@throughline/core';
import { describeSpan, refusedSpending } from '@throughline/core/adapter';
import { contentText, records } from '../content.ts';
import { ATTR_GEN_AI_INPUT_MESSAGES, ATTR_GEN_AI_SYSTEM_INSTRUCTIONS, CHAT } from '../conventions.ts';
import { addPlace, placeOf } from '../counted-step.ts';
import type { Ending, Following } from '../follow-stream.ts';
import type { AgentOptions, OwnAttributes } from '../options.ts';
import { startStep } from '../run-step.ts';
import { modelStep } from '../step.ts';
import { countAttempt } from '../turn.ts';
import { enclosingCall, enclosingSpan, stepInside } from './enclosing.ts';
import { endCall, endRefused, labelsOf } from './end-call.ts';
import type { CallState, EarlierAttempts } from './end-call.ts';
import { OpenCall } from './model-call.ts';
import { readAnswer } from './read-answer.ts';
import { addRequest } from './request.ts';
import type { CallRequest } from './request.ts';
import type { AnswerReader } from './said.ts';

/** The options of {@link callModel}. */
export interface CallModelOptions extends AgentOptions, OwnAttributes {
  /** How a chunk of the stream, or an answer, is read. Default: as the formats of OpenAI, Anthropic and the AI SDK. */
  readonly read?: AnswerReader | undefined;
}

/** A model call that has started, for who follows it by itself. */
export interface StartedCall {
  readonly call: OpenCall;
  readonly abandonMs: number;
  /** Takes in a chunk of the stream. */
  readonly chunk: (value: unknown, waited: number) => void;
  /** Ends the call, once. */
  readonly ended: (ending: Ending) => void;
  /** The call is not to be made, and has ended: the error to throw in its place. */
  readonly refused: LineageError | undefined;
}

/** Returns what follows a result to its end, for a call. */
export function followingOf({ call, abandonMs, chunk, ended }: StartedCall): Following {
  return { context: call.context, abandonMs, chunk, ended };
}

const NONE_EARLIER: EarlierAttempts = { count: 0, waited: 0 };

/** Takes a call into the one of ours that it is made in: a client that is traced, in `callModel`. Its owner ends it. */
function joined(call: OpenCall, request: CallRequest, abandonMs: number): StartedCall {
  call.isFed = true;
  const attributes: Attributes = {};
  addRequest(attributes, request);
  describeSpan(call.span, () => call.span.setAttributes(attributes));
  const ended = (ending: Ending): void => {
    if (!call.isOver && ending.how === 'done' && call.phases.chunks === 0) call.read(ending.value);
  };
  return {
    call,
    abandonMs,
    chunk: (value, waited) => {
      if (!call.isOver) call.chunk(value, waited);
    },
    ended,
    refused: undefined,
  };
}

/** Starts a call of a model. Never throws but for wrong options. */
export function startCall(
  request: CallRequest,
  options: CallModelOptions | undefined,
  earlier: EarlierAttempts = NONE_EARLIER,
): StartedCall {
  const here = placeOf(options);
  const { active, turn, settings } = here;
  const { operation = CHAT } = request;
  const around = enclosingCall(active, operation);
  if (around !== undefined) return joined(around, request, settings.abandonMs);
  const attempt = earlier.count > 0 ? earlier.count + 1 : here.attempt;
  const conversationId = request.conversationId ?? turn?.conversationId;
  const step = modelStep(request.model, { provider: request.provider, operation: request.operation, conversationId });
  const attributes: Attributes = { ...options?.attributes, ...step.attributes };
  addRequest(attributes, request);
  addPlace(attributes, { ...here, attempt });
  const theirs = enclosingSpan(active, operation);
  const open = theirs === undefined ? startStep({ ...step, attributes }, settings.tracer) : stepInside(theirs, active);
  if (theirs !== undefined) open.describe(attributes);
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
    operation,
    attemptsBefore: earlier.count,
    keepsText: records(content, 'answer'),
    chunkLabels: instruments === undefined ? undefined : labelsOf(settings, turn, request, undefined, undefined),
  });
  const state: CallState = { call, open, settings, turn, request, attempt, earlier, isTheirs: theirs !== undefined };
  const chunk = (value: unknown, waited: number): void => {
    if (call.isFed || call.isOver) return;
    call.chunk(value, waited);
    // Its owner may end the span before the stream has ended.
    if (theirs !== undefined && call.hasSaidAll) ended({ how: 'done' });
  };
  const ended = (ending: Ending): void => {
    if (call.isOver) return;
    if (ending.how === 'done' && call.phases.chunks === 0 && ending.value !== undefined && !call.isFed)
      call.read(ending.value);
    endCall(state, ending);
  };
  const refused = refusedSpending(
    { transport: 'model', name: request.model ?? operation },
    open.span,
    settings.hop,
    active,
  );
  if (refused !== undefined) endRefused(state, refused);
  return { call, abandonMs: settings.abandonMs, chunk, ended, refused };
}

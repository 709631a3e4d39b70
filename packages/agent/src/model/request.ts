import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_GEN_AI_OUTPUT_TYPE,
  ATTR_GEN_AI_REQUEST_CHOICE_COUNT,
  ATTR_GEN_AI_REQUEST_FREQUENCY_PENALTY,
  ATTR_GEN_AI_REQUEST_MAX_TOKENS,
  ATTR_GEN_AI_REQUEST_PRESENCE_PENALTY,
  ATTR_GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID,
  ATTR_GEN_AI_REQUEST_REASONING_LEVEL,
  ATTR_GEN_AI_REQUEST_SEED,
  ATTR_GEN_AI_REQUEST_STOP_SEQUENCES,
  ATTR_GEN_AI_REQUEST_STREAM,
  ATTR_GEN_AI_REQUEST_TEMPERATURE,
  ATTR_GEN_AI_REQUEST_TOP_K,
  ATTR_GEN_AI_REQUEST_TOP_P,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '../conventions.ts';

/** What a model is asked. Only `model` is needed; the rest goes onto the span as the conventions name it. */
export interface ModelRequest {
  readonly model: string;
  /** As the conventions name it: `openai`, `anthropic`, `aws.bedrock`, … */
  readonly provider?: string | undefined;
  /** Default `chat`. */
  readonly operation?: string | undefined;
  readonly stream?: boolean | undefined;
  /** Default: that of the turn. None is invented. */
  readonly conversationId?: string | undefined;
  readonly outputType?: string | undefined;
  readonly choiceCount?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly seed?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly reasoningLevel?: string | undefined;
  readonly previousResponseId?: string | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  /** What it is sent. A digest goes onto the span of a call that fails; all of it where `content.prompts` says so. */
  readonly messages?: unknown;
  readonly instructions?: unknown;
}

/** What a call is known to be. A model may be the provider's to choose. */
export interface CallRequest extends Omit<ModelRequest, 'model'> {
  readonly model: string | undefined;
}

/**
 * Adds what a request says of itself beside its model, for its span. Of a wrong type nothing is shown. Most requests say little, and the SDK
 * would look at what is `undefined` on each span.
 */
export function addRequest(attributes: Attributes, request: CallRequest): void {
  const add = (name: string, value: number | string | boolean | undefined): void => {
    if (value !== undefined) attributes[name] = value;
  };
  const { choiceCount, stopSequences, serverAddress, serverPort } = request;
  if (serverAddress !== undefined) {
    add(ATTR_SERVER_ADDRESS, serverAddress);
    add(ATTR_SERVER_PORT, serverPort);
  }
  if (request.stream === true) attributes[ATTR_GEN_AI_REQUEST_STREAM] = true;
  if (choiceCount !== 1) add(ATTR_GEN_AI_REQUEST_CHOICE_COUNT, number(choiceCount));
  if (Array.isArray(stopSequences)) attributes[ATTR_GEN_AI_REQUEST_STOP_SEQUENCES] = stopSequences.filter(isText);
  add(ATTR_GEN_AI_OUTPUT_TYPE, text(request.outputType));
  add(ATTR_GEN_AI_REQUEST_MAX_TOKENS, number(request.maxTokens));
  add(ATTR_GEN_AI_REQUEST_TEMPERATURE, number(request.temperature));
  add(ATTR_GEN_AI_REQUEST_TOP_P, number(request.topP));
  add(ATTR_GEN_AI_REQUEST_TOP_K, number(request.topK));
  add(ATTR_GEN_AI_REQUEST_SEED, number(request.seed));
  add(ATTR_GEN_AI_REQUEST_FREQUENCY_PENALTY, number(request.frequencyPenalty));
  add(ATTR_GEN_AI_REQUEST_PRESENCE_PENALTY, number(request.presencePenalty));
  add(ATTR_GEN_AI_REQUEST_REASONING_LEVEL, text(request.reasoningLevel));
  add(ATTR_GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, text(request.previousResponseId));
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

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

/** Returns what a request says of itself beside its model, for its span. Of a wrong type nothing is shown. */
export function requestAttributes(request: ModelRequest): Attributes {
  const { stream, choiceCount, stopSequences, serverAddress, serverPort } = request;
  return {
    [ATTR_SERVER_ADDRESS]: serverAddress,
    [ATTR_SERVER_PORT]: serverAddress === undefined ? undefined : serverPort,
    [ATTR_GEN_AI_REQUEST_STREAM]: stream === true ? true : undefined,
    [ATTR_GEN_AI_OUTPUT_TYPE]: text(request.outputType),
    [ATTR_GEN_AI_REQUEST_CHOICE_COUNT]: choiceCount === 1 ? undefined : number(choiceCount),
    [ATTR_GEN_AI_REQUEST_MAX_TOKENS]: number(request.maxTokens),
    [ATTR_GEN_AI_REQUEST_TEMPERATURE]: number(request.temperature),
    [ATTR_GEN_AI_REQUEST_TOP_P]: number(request.topP),
    [ATTR_GEN_AI_REQUEST_TOP_K]: number(request.topK),
    [ATTR_GEN_AI_REQUEST_SEED]: number(request.seed),
    [ATTR_GEN_AI_REQUEST_STOP_SEQUENCES]: Array.isArray(stopSequences) ? stopSequences.filter(isText) : undefined,
    [ATTR_GEN_AI_REQUEST_FREQUENCY_PENALTY]: number(request.frequencyPenalty),
    [ATTR_GEN_AI_REQUEST_PRESENCE_PENALTY]: number(request.presencePenalty),
    [ATTR_GEN_AI_REQUEST_REASONING_LEVEL]: text(request.reasoningLevel),
    [ATTR_GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID]: text(request.previousResponseId),
  };
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

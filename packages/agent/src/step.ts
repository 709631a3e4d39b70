import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_GEN_AI_AGENT_DESCRIPTION,
  ATTR_GEN_AI_AGENT_ID,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_AGENT_VERSION,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_FINISH_REASONS,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_GEN_AI_TOOL_DESCRIPTION,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_TOOL_TYPE,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_OPENAI_RESPONSE_SERVICE_TIER,
  ATTR_OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
  CHAT,
  EXECUTE_TOOL,
  INVOKE_AGENT,
} from './conventions.ts';
import type { GenAiConventions } from './conventions.ts';

/** What runs between two hops, as its span says it: plain data. */
export interface Step {
  /** The span's name. */
  readonly name: string;
  readonly kind: SpanKind;
  /** What is known at the start, which samplers decide by. */
  readonly attributes: Attributes;
}

/** What is known of an agent beside its name. */
export interface AgentDetail {
  readonly id?: string | undefined;
  readonly version?: string | undefined;
  readonly description?: string | undefined;
  /** Of the framework's own making: none is invented. */
  readonly conversationId?: string | undefined;
}

/** Returns an agent's turn: `invoke_agent {name}`, INTERNAL. */
export function agentStep(
  name: string | undefined,
  { id, version, description, conversationId }: AgentDetail = {},
): Step {
  return step(INVOKE_AGENT, name, SpanKind.INTERNAL, {
    [ATTR_GEN_AI_AGENT_NAME]: name,
    [ATTR_GEN_AI_AGENT_ID]: id,
    [ATTR_GEN_AI_AGENT_VERSION]: version,
    [ATTR_GEN_AI_AGENT_DESCRIPTION]: description,
    [ATTR_GEN_AI_CONVERSATION_ID]: conversationId,
  });
}

/** What is known of a tool call beside the tool's name. */
export interface ToolDetail {
  /** The id that the model gave the call. */
  readonly callId?: string | undefined;
  /** `function`, `extension` or `datastore`. */
  readonly type?: string | undefined;
  readonly description?: string | undefined;
}

/** Returns a tool call: `execute_tool {tool}`, INTERNAL. An MCP call inside of it adds to its span instead of opening a second. */
export function toolStep(tool: string | undefined, { callId, type, description }: ToolDetail = {}): Step {
  return step(EXECUTE_TOOL, tool, SpanKind.INTERNAL, {
    [ATTR_GEN_AI_TOOL_NAME]: tool,
    [ATTR_GEN_AI_TOOL_CALL_ID]: callId,
    [ATTR_GEN_AI_TOOL_TYPE]: type,
    [ATTR_GEN_AI_TOOL_DESCRIPTION]: description,
  });
}

/** What is known of a model call beside the model. */
export interface ModelDetail {
  /** As the conventions name it: `openai`, `anthropic`, … */
  readonly provider?: string | undefined;
  /** Default `chat`. */
  readonly operation?: string | undefined;
  readonly conversationId?: string | undefined;
}

/** Returns a call of a model: `chat {model}`, CLIENT. */
export function modelStep(
  model: string | undefined,
  { provider, operation = CHAT, conversationId }: ModelDetail = {},
): Step {
  return step(operation, model, SpanKind.CLIENT, {
    [ATTR_GEN_AI_REQUEST_MODEL]: model,
    [ATTR_GEN_AI_PROVIDER_NAME]: provider,
    [ATTR_GEN_AI_CONVERSATION_ID]: conversationId,
  });
}

/** What an answer of a model says about itself. Of anything of a wrong type nothing is shown. */
export interface ModelAnswer {
  readonly id?: unknown;
  /** The model that served. */
  readonly model?: unknown;
  readonly finishReasons?: unknown;
  /** All of the input, with what came out of the provider's cache or was written to it. */
  readonly inputTokens?: unknown;
  readonly outputTokens?: unknown;
  readonly cacheReadTokens?: unknown;
  readonly cacheWriteTokens?: unknown;
  /** Of the output. */
  readonly reasoningTokens?: unknown;
  /** OpenAI's, of the configuration that served. */
  readonly fingerprint?: unknown;
  readonly serviceTier?: unknown;
}

/** Returns the attributes of a model's answer, for the span of its call and no other: usage counts once. */
export function answerAttributes(answer: ModelAnswer, conventions: GenAiConventions = 'v0.1.0'): Attributes {
  const { finishReasons } = answer;
  const reasons = Array.isArray(finishReasons) ? finishReasons.filter(isText) : [];
  const cacheWrite =
    conventions === 'v0.1.0'
      ? ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS
      : ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS;
  return {
    [ATTR_GEN_AI_RESPONSE_ID]: textIn(answer.id),
    [ATTR_GEN_AI_RESPONSE_MODEL]: textIn(answer.model),
    [ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: reasons.length > 0 ? reasons : undefined,
    [ATTR_GEN_AI_USAGE_INPUT_TOKENS]: countIn(answer.inputTokens),
    [ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: countIn(answer.outputTokens),
    [ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: countIn(answer.cacheReadTokens),
    [cacheWrite]: countIn(answer.cacheWriteTokens),
    [ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: countIn(answer.reasoningTokens),
    [ATTR_OPENAI_RESPONSE_SYSTEM_FINGERPRINT]: textIn(answer.fingerprint),
    [ATTR_OPENAI_RESPONSE_SERVICE_TIER]: textIn(answer.serviceTier),
  };
}

/** Returns a value that is a text, and not an empty one. */
export function textIn(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

/** Returns a value that is a count. */
export function countIn(value: unknown): number | undefined {
  return isCount(value) ? value : undefined;
}

function step(operation: string, what: string | undefined, kind: SpanKind, attributes: Attributes): Step {
  const said: Attributes = { [ATTR_GEN_AI_OPERATION_NAME]: operation };
  // The SDK would look at what is `undefined` on each span.
  for (const name in attributes) if (attributes[name] !== undefined) said[name] = attributes[name];
  return { name: what === undefined ? operation : `${operation} ${what}`, kind, attributes: said };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

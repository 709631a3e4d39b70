import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_GEN_AI_AGENT_ID,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_FINISH_REASONS,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  CHAT,
  EXECUTE_TOOL,
  INVOKE_AGENT,
} from './conventions.ts';

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
  /** Of the framework's own making: none is invented. */
  readonly conversationId?: string | undefined;
}

/** Returns an agent's turn: `invoke_agent {name}`, INTERNAL. */
export function agentStep(name: string | undefined, { id, conversationId }: AgentDetail = {}): Step {
  return step(INVOKE_AGENT, name, SpanKind.INTERNAL, {
    [ATTR_GEN_AI_AGENT_NAME]: name,
    [ATTR_GEN_AI_AGENT_ID]: id,
    [ATTR_GEN_AI_CONVERSATION_ID]: conversationId,
  });
}

/** What is known of a tool call beside the tool's name. */
export interface ToolDetail {
  /** The id that the model gave the call. */
  readonly callId?: string | undefined;
}

/** Returns a tool call: `execute_tool {tool}`, INTERNAL. An MCP call inside of it adds to its span instead of opening a second. */
export function toolStep(tool: string | undefined, { callId }: ToolDetail = {}): Step {
  return step(EXECUTE_TOOL, tool, SpanKind.INTERNAL, {
    [ATTR_GEN_AI_TOOL_NAME]: tool,
    [ATTR_GEN_AI_TOOL_CALL_ID]: callId,
  });
}

/** What is known of a model call beside the model. */
export interface ModelDetail {
  /** As the conventions name it: `openai`, `anthropic`, … */
  readonly provider?: string | undefined;
  readonly conversationId?: string | undefined;
}

/** Returns a call of a model: `chat {model}`, CLIENT. */
export function modelStep(model: string | undefined, { provider, conversationId }: ModelDetail = {}): Step {
  return step(CHAT, model, SpanKind.CLIENT, {
    [ATTR_GEN_AI_REQUEST_MODEL]: model,
    [ATTR_GEN_AI_PROVIDER_NAME]: provider,
    [ATTR_GEN_AI_CONVERSATION_ID]: conversationId,
  });
}

/** What an answer of a model says about itself. Of anything of a wrong type nothing is shown. */
export interface ModelAnswer {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly finishReasons?: unknown;
  readonly inputTokens?: unknown;
  readonly outputTokens?: unknown;
}

/** Returns the attributes of a model's answer, for the span of its call and no other: usage counts once. */
export function answerAttributes({ id, model, finishReasons, inputTokens, outputTokens }: ModelAnswer): Attributes {
  const reasons = Array.isArray(finishReasons) ? finishReasons.filter(isText) : [];
  return {
    [ATTR_GEN_AI_RESPONSE_ID]: isText(id) ? id : undefined,
    [ATTR_GEN_AI_RESPONSE_MODEL]: isText(model) ? model : undefined,
    [ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: reasons.length > 0 ? reasons : undefined,
    [ATTR_GEN_AI_USAGE_INPUT_TOKENS]: isCount(inputTokens) ? inputTokens : undefined,
    [ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: isCount(outputTokens) ? outputTokens : undefined,
  };
}

function step(operation: string, what: string | undefined, kind: SpanKind, attributes: Attributes): Step {
  return {
    name: what === undefined ? operation : `${operation} ${what}`,
    kind,
    attributes: { [ATTR_GEN_AI_OPERATION_NAME]: operation, ...attributes },
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

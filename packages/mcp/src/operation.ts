import type { Attributes } from '@opentelemetry/api';
import { printable } from '@throughline/core/adapter';
import { ATTR_HTTP_RESPONSE_STATUS_CODE } from '@throughline/core/http';
import type { Outcome } from '@throughline/core/adapter';
import {
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROMPT_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_MCP_METHOD_NAME,
  ATTR_MCP_PROTOCOL_VERSION,
  ATTR_RPC_RESPONSE_STATUS_CODE,
  ERROR_TOOL,
  EXECUTE_TOOL,
  OTHER,
} from './conventions.ts';
import { isObject } from './message.ts';
import type { Message, ObjectValue, RequestId } from './message.ts';

const MAX_LABEL = 128;

/** Returns text from outside as a short printable label, or `undefined` for anything else. */
export function label(value: unknown): string | undefined {
  return typeof value === 'string' ? printable(value, MAX_LABEL) : undefined;
}

/** What a request asks for, in words that are safe to put on a span: at either end, and once for each request. */
export interface Operation {
  /** The span's name: `{mcp.method.name} {tool or prompt}`. */
  readonly name: string;
  readonly method: string;
  readonly tool: string | undefined;
  readonly prompt: string | undefined;
  /** What its spans say at their start. Frozen. */
  readonly attributes: Attributes;
}

// Methods, tools and prompts are few, requests are many. Names come from outside, so there is an end to what is kept.
const methods = new Map<string, Operation>();
const tools = new Map<string, Operation>();
const prompts = new Map<string, Operation>();
const MAX_KNOWN = 1000;

/** Returns what a request asks for. */
export function operationOf(method: string, params: unknown): Operation {
  const named = method === 'tools/call' ? tools : method === 'prompts/get' ? prompts : undefined;
  const name = named === undefined || !isObject(params) ? undefined : params['name'];
  if (named === undefined || typeof name !== 'string') return methods.get(method) ?? made(methods, method, method);
  return named.get(name) ?? made(named, name, method, name);
}

function made(known: Map<string, Operation>, key: string, from: string, name?: string): Operation {
  const method = label(from) as string;
  const what = label(name);
  const tool = from === 'tools/call' ? what : undefined;
  const prompt = from === 'prompts/get' ? what : undefined;
  const operation = {
    name: what === undefined ? method : `${method} ${what}`,
    method,
    tool,
    prompt,
    attributes: operationAttributes(method, tool, prompt),
  };
  if (known.size < MAX_KNOWN && key.length <= MAX_LABEL) known.set(key, operation);
  return operation;
}

/** Returns the id of a request as an attribute. */
export function requestId(id: RequestId): string | undefined {
  return typeof id === 'number' ? String(id) : label(id);
}

/**
 * Returns what a request's span says at its start, at either end: what it asks for, which is what samplers decide by. Whoever starts
 * a span copies it, so that all spans of an operation share one.
 */
function operationAttributes(method: string, tool: string | undefined, prompt: string | undefined): Attributes {
  const attributes: Attributes = { [ATTR_MCP_METHOD_NAME]: method };
  if (method === 'tools/call') {
    attributes[ATTR_GEN_AI_OPERATION_NAME] = EXECUTE_TOOL;
    if (tool !== undefined) attributes[ATTR_GEN_AI_TOOL_NAME] = tool;
  } else if (prompt !== undefined) attributes[ATTR_GEN_AI_PROMPT_NAME] = prompt;
  return Object.freeze(attributes);
}

/**
 * Returns what an answer says about how its request came out, or `undefined` where there is nothing to say. To a client every
 * JSON-RPC error is one, but for the answer of an older server to `server/discover`; to a server not those that a wrong request earns.
 */
export function outcomeOf(answer: Message, method: string, side: 'client' | 'server'): Outcome | undefined {
  const { error, result } = answer;
  if (isObject(error)) return errorOutcome(error, method, side);
  if (!isObject(result)) return undefined;
  if (method === 'tools/call') return result['isError'] === true ? toolError : undefined;
  if (method === 'initialize') {
    const version = label(result['protocolVersion']);
    return version === undefined ? undefined : { attributes: { [ATTR_MCP_PROTOCOL_VERSION]: version } };
  }
  return undefined;
}

const toolError: Outcome = { errorType: ERROR_TOOL };

function errorOutcome(error: ObjectValue, method: string, side: 'client' | 'server'): Outcome {
  const { code } = error;
  if (typeof code !== 'number') return { errorType: OTHER, error };
  const status = String(code);
  const attributes = { [ATTR_RPC_RESPONSE_STATUS_CODE]: status };
  const isNone = side === 'server' ? callersMistakes.has(code) : method === 'server/discover' && saysOlder.has(code);
  return isNone ? { attributes } : { attributes, errorType: status, error };
}

// Parse error, invalid request, unknown method, invalid params, unknown resource. From the 2026-07-28 revision on: headers that
// contradict the body, a capability that the client did not declare, an unknown protocol version.
const callersMistakes = new Set([-32_700, -32_600, -32_601, -32_602, -32_002, -32_020, -32_021, -32_022]);

// A client asks `server/discover` to find out how old a server is: one that does not know it says so, by a mistake of the client's,
// and over HTTP before it has a session, or for the version in the headers, which it does not know either.
const saysOlder = new Set([...callersMistakes, -32_000, -32_001]);
const saysOlderOverHttp = new Set([400, 404, 405]);

/** Returns the outcome of a request that could not be sent. An HTTP status in the error is its class. */
export function sendFailure(error: unknown, method: string): Outcome | undefined {
  const code = statusOf(error);
  if (typeof code !== 'number' || code <= 0) return { failed: true, error };
  if (method === 'server/discover' && saysOlderOverHttp.has(code))
    return { attributes: { [ATTR_HTTP_RESPONSE_STATUS_CODE]: code } };
  return { error, errorType: String(code) };
}

// SDK v1 has it in `code`, v2 in `data.status`, the AI SDK in `statusCode`.
function statusOf(error: unknown): unknown {
  try {
    if (!isObject(error)) return undefined;
    const { code, data, statusCode } = error;
    if (typeof code === 'number') return code;
    return isObject(data) && typeof data['status'] === 'number' ? data['status'] : statusCode;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}

import { context as contextApi, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import type { HopOptions, Refused } from '@throughline/core';
import {
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  hopSettings,
  metaFields,
  printable,
  runOutbound,
  sameType,
  warnIfRewrapped,
  wrapped,
  writeRecord,
} from '@throughline/core/adapter';
import type { HopSettings, Outcome, Sending } from '@throughline/core/adapter';
import { openSpanIn } from './bridge.ts';
import type { OpenSpan } from './bridge.ts';
import {
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_MCP_METHOD_NAME,
  ATTR_MCP_SESSION_ID,
  ATTR_RPC_RESPONSE_STATUS_CODE,
  ERROR_TOOL,
  EXECUTE_TOOL,
  MCP,
} from './conventions.ts';
import { peerOf } from './peer.ts';
import type { McpServerPeer, ServerPeer } from './peer.ts';
import { scope } from './scope.ts';

export type { McpServerPeer } from './peer.ts';

/** The part of an `MCPServer` of OpenAI Agents that is wrapped. */
export interface McpServerLike {
  readonly name: string;
  callTool(toolName: string, args: never, meta?: never, options?: never): Promise<unknown>;
  callToolResult?(toolName: string, args: never, meta?: never, options?: never): Promise<unknown>;
}

/** The options of {@link traceMcpServer}. */
export interface McpServerOptions extends HopOptions {
  /** Overrides what the server looks like. */
  readonly peer?: McpServerPeer | undefined;
}

/**
 * Returns an MCP server of OpenAI Agents of the same type, whose tool calls have a CLIENT span each and carry its context in
 * `_meta`. Below `traceAgents()` the span of the tool is that span. The one that is given stays as it is. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const library = traceMcpServer(new MCPServerStdio({ name: 'library', command: 'library-server' }));
 * const agent = new Agent({ name: 'librarian', mcpServers: [library] });
 * ```
 */
export function traceMcpServer<S extends McpServerLike>(server: S, options?: McpServerOptions): S {
  const hop = hopSettings(options, scope, ['peer']);
  const { peer } = options ?? {};
  checkObject('peer', peer, "an object, such as { host: 'library' }");
  if (peer !== undefined) checkKnown(peer, ['channel', 'host'], 'peer');
  checkOneOf('peer.channel', peer?.channel, CHANNELS);
  checkName('peer.host', peer?.host);
  if (typeof server !== 'object' || server === null || typeof server.callTool !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceMcpServer` takes an MCP server of OpenAI Agents, such as `new MCPServerStdio(…)`.',
    );
  }
  if (wrapped(server)) {
    warnIfRewrapped(server, hop);
    return server;
  }
  const target: Target = { server: server as never, hop, peer: peerOf(server, peer) };
  const members: Partial<Record<Method, Call>> = {
    callTool: (...call) => traced(target, 'callTool', call, refusedContent),
  };
  if (typeof server.callToolResult === 'function')
    members.callToolResult = (...call) => traced(target, 'callToolResult', call, refusedResult);
  return sameType(server, members, hop);
}

const CHANNELS = ['host', 'memory', 'broker', 'process'];

type Method = 'callTool' | 'callToolResult';
type Arguments = readonly [toolName: unknown, args: unknown, meta?: unknown, options?: unknown, ...rest: unknown[]];
type Call = (...call: Arguments) => unknown;

interface Target {
  readonly server: Record<Method, Call> & { readonly sessionId?: unknown };
  readonly hop: HopSettings;
  readonly peer: ServerPeer;
}

function traced(target: Target, method: Method, call: Arguments, refused: (refused: Refused) => unknown): unknown {
  const [toolName, , meta] = call;
  const { server, hop, peer } = target;
  const caller = contextApi.active();
  const tool = typeof toolName === 'string' ? printable(toolName, MAX_LABEL) : undefined;
  const session = typeof server.sessionId === 'string' ? printable(server.sessionId, MAX_LABEL) : undefined;
  const attributes: Attributes = {
    [ATTR_MCP_METHOD_NAME]: TOOLS_CALL,
    [ATTR_GEN_AI_OPERATION_NAME]: EXECUTE_TOOL,
    [ATTR_GEN_AI_TOOL_NAME]: tool,
    ...peer.attributes,
  };
  const outer = hop.spans ? toolSpan(caller) : undefined;
  if (outer !== undefined) outer.call = { attributes: { ...attributes, [ATTR_MCP_SESSION_ID]: session } };
  const told = <O extends Outcome | undefined>(outcome: O): O => {
    if (outer?.call !== undefined) outer.call.outcome = outcome;
    return outcome;
  };
  return runOutbound(
    {
      transport: MCP,
      name: tool === undefined ? TOOLS_CALL : `${TOOLS_CALL} ${tool}`,
      kind: SpanKind.CLIENT,
      attributes,
      target: peer.target,
      carrier: meta,
      reader: metaFields,
      context: caller,
      span: outer === undefined,
    },
    hop,
    {
      describe: session === undefined ? undefined : (span) => span.setAttribute(ATTR_MCP_SESSION_ID, session),
      // Below it is a `fetch` of the user's, or none.
      call: (sending) => contextApi.with(sending.wire, () => server[method](...written(call, sending))),
      outcome: (result) => told(isToolError(result) ? toolError : undefined),
      failure: (error) => told(failureOf(error)),
      refused: (refusal) => {
        told({ errorType: `throughline.${refusal.refused}` });
        return Promise.resolve(refused(refusal));
      },
    },
  );
}

const TOOLS_CALL = 'tools/call';
const MAX_LABEL = 128;
const toolError: Outcome = { errorType: ERROR_TOOL };

/** Returns the span of the bridge that is this very call: the framework puts the server into its data before it makes it. */
function toolSpan(caller: Context): OpenSpan | undefined {
  const open = openSpanIn(caller);
  if (open?.span.spanData.type !== 'function' || open.span.spanData['mcp_data'] === undefined) return undefined;
  // Another call in it is one more, and so is one below a span of the user's own.
  return open.call === undefined && trace.getSpan(caller) === open.step.span ? open : undefined;
}

/** Returns the arguments of a call with the fields of its hop, and its deadline. */
function written([toolName, args, meta, options, ...rest]: Arguments, sending: Sending): Arguments {
  return [toolName, args, withFields(meta, sending), withDeadline(options, sending.signal), ...rest];
}

function withFields(meta: unknown, sending: Sending): unknown {
  if (meta === undefined || meta === null) {
    const fields = writeRecord(undefined, sending, 'meta');
    return Object.keys(fields).length === 0 ? meta : fields;
  }
  // Anything else is for the framework to refuse.
  if (typeof meta !== 'object' || Array.isArray(meta)) return meta;
  return writeRecord(meta as Record<string, unknown>, sending, 'meta');
}

function withDeadline(options: unknown, deadline: AbortSignal | undefined): unknown {
  if (deadline === undefined) return options;
  const own = (options as { readonly signal?: unknown } | null | undefined)?.signal;
  const signal = own instanceof AbortSignal ? AbortSignal.any([own, deadline]) : deadline;
  return { ...(options as object | null | undefined), signal };
}

// `callTool` returns a list that has the result's other members as members of its own.
function isToolError(result: unknown): boolean {
  return typeof result === 'object' && result !== null && (result as { isError?: unknown }).isError === true;
}

/** A JSON-RPC error is known by its code, and so is an HTTP status. */
function failureOf(error: unknown): Outcome {
  const code = codeOf(error);
  if (code === undefined) return { failed: true, error };
  const type = String(code);
  return { error, errorType: type, ...(code < 0 && { attributes: { [ATTR_RPC_RESPONSE_STATUS_CODE]: type } }) };
}

function codeOf(error: unknown): number | undefined {
  try {
    const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
    return typeof code === 'number' && code !== 0 ? code : undefined;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}

/** What a refused call results in: for a model to read and act on. */
function refusedResult(refused: Refused): { readonly isError: true; readonly content: readonly object[] } {
  return { isError: true, content: refusedContent(refused) };
}

function refusedContent({ message }: Refused): readonly object[] {
  const content = [{ type: 'text', text: message }];
  Object.defineProperty(content, 'isError', { value: true, configurable: true });
  return content;
}

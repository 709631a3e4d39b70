import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { version } from '../../version.ts';
import { parseAnsweredTrace } from './answered-trace.ts';
import type { Answer, Answered } from './target.ts';
import { userAgent } from './user-agent.ts';

/** A connection to an MCP server, on which requests are sent as they are: the SDK's client would mend or refuse what is in them. */
export interface McpSession {
  /** A request that every server of this kind answers, and that changes nothing. */
  readonly defaultMethod: string;
  isEnded(): boolean;
  ask(method: string, params: Record<string, unknown>, options: AskOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly timeoutMs: number;
  /** Tells the request from others, as its id and in its user agent: tracers write either onto their spans. */
  readonly key: string;
}

/** Does the handshake, and takes the connection over from the SDK's client. */
export async function openSession(transport: Transport, timeoutMs: number): Promise<McpSession> {
  const { Client } = await import('@modelcontextprotocol/client');
  const client = new Client({ name: 'throughline-probe', version }, { capabilities: {} });
  // It reports here what it also rejects with.
  client.onerror = () => {};
  try {
    await client.connect(transport, { timeout: timeoutMs });
  } catch (error) {
    await client.close().catch(() => {});
    throw error;
  }
  const waiting = new Map<string, (answer: Answer) => void>();
  const forClient = transport.onmessage;
  transport.onmessage = (message, extra) => {
    const settle = 'id' in message ? waiting.get(String(message.id)) : undefined;
    if (settle === undefined || 'method' in message) forClient?.(message, extra);
    else settle(answerOf(message));
  };
  let isEnded = false;
  client.onclose = () => {
    isEnded = true;
    for (const settle of waiting.values()) settle({ kind: 'cut', reason: 'the server ended the connection' });
  };
  const { tools, resources } = client.getServerCapabilities() ?? {};
  return {
    defaultMethod: tools !== undefined ? 'tools/list' : resources !== undefined ? 'resources/list' : 'ping',
    isEnded: () => isEnded,
    ask(method, params, { timeoutMs: patience, key }) {
      if (isEnded) return Promise.resolve({ kind: 'unreachable', reason: 'the connection has ended' });
      const id = `throughline-probe-${key}`;
      return new Promise((resolve) => {
        const deadline = setTimeout(() => settle({ kind: 'silent' }), patience);
        const settle = (answer: Answer): void => {
          clearTimeout(deadline);
          waiting.delete(id);
          resolve(answer);
        };
        waiting.set(id, settle);
        transport
          .send({ jsonrpc: '2.0', id, method, params }, { headers: { 'user-agent': userAgent(key) } })
          .catch((error: unknown) => settle(answerOfError(error)));
      });
    },
    close: () => client.close().catch(() => {}),
  };
}

/** Codes with which a server says that the request was wrong, and not the server. */
const REQUEST_ERRORS: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602]);

function answerOf(message: JSONRPCMessage): Answered {
  const text = JSON.stringify(message);
  const said = { kind: 'answered', headers: [], text } as const;
  if ('error' in message) {
    const { code } = message.error;
    return { ...said, status: `error ${code}`, served: REQUEST_ERRORS.has(code) ? 'refused' : 'failed' };
  }
  const result = 'result' in message ? (message.result as Record<string, unknown>) : {};
  const meta = result['_meta'];
  const trace = parseAnsweredTrace(
    typeof meta === 'object' && meta !== null ? (meta as Record<string, unknown>)['traceresponse'] : undefined,
  );
  return result['isError'] === true
    ? { ...said, status: 'tool error', served: 'failed', trace }
    : { ...said, status: 'result', served: 'yes', trace };
}

/** Returns what came of a request that the transport could not send, or that HTTP refused. */
function answerOfError(error: unknown): Answer {
  const status = httpStatusOf(error);
  if (status !== undefined) {
    const served = status === 429 ? 'limited' : status >= 500 ? 'failed' : 'refused';
    return { kind: 'answered', status: `HTTP ${status}`, served, headers: [], text: String(error) };
  }
  const code = codeOf(error);
  const isRefused = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'NOT_CONNECTED';
  return {
    kind: isRefused ? 'unreachable' : 'cut',
    reason: code ?? (error instanceof Error ? error.message : 'no answer'),
  };
}

function httpStatusOf(error: unknown): number | undefined {
  const { status } = (error ?? {}) as { readonly status?: unknown };
  return typeof status === 'number' ? status : undefined;
}

/** Returns the code of an error or of its cause: Node's fetch says only there why it failed. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  return cause === undefined ? (typeof code === 'string' ? code : undefined) : codeOf(cause);
}

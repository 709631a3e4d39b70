import { setTimeout as sleep } from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/client';
import { baggageCases } from '../cases/baggage-cases.ts';
import { metaCases } from '../cases/meta-cases.ts';
import type { Sent } from '../cases/probe-case.ts';
import { traceparentCases } from '../cases/traceparent-cases.ts';
import { tracestateCases } from '../cases/tracestate-cases.ts';
import { CALLBACK } from '../callback.ts';
import { canConnect } from './can-connect.ts';
import { openSession } from './mcp-session.ts';
import type { McpSession } from './mcp-session.ts';
import type { Answer, Stamp, Target } from './target.ts';

export interface McpTemplate {
  readonly name: string;
  /** The probe started the server. */
  readonly isOurs: boolean;
  /** The one to ask; where it is not given, what the server has a list of. */
  readonly method?: string | undefined;
  /** Parameters, as JSON. `{{callback}}` in it becomes the URL at which the probe listens. */
  readonly data?: string | undefined;
  readonly timeoutMs: number;
  /** Where it listens, if it does. */
  readonly url?: URL | undefined;
  /** Makes a transport that is not started. */
  readonly transport: () => Promise<Transport>;
}

/** How long a server may take to start: `npx` installs it first. */
const START_MS = 30_000;

/** Connects to an MCP server, and returns it as a target. Rejects where it cannot. */
export async function mcpTarget(template: McpTemplate): Promise<Target> {
  const { data, timeoutMs, isOurs, url } = template;
  let session: McpSession | undefined = await openSession(await template.transport(), isOurs ? START_MS : timeoutMs);
  const method = template.method ?? session.defaultMethod;
  return {
    kind: 'mcp',
    name: `${method} of ${template.name}`,
    cases: [...traceparentCases, ...tracestateCases, ...baggageCases, ...metaCases],
    isOurs,
    send: async (sent, stamp): Promise<Answer> =>
      session === undefined
        ? { kind: 'unreachable', reason: 'no session' }
        : session.ask(method, paramsOf(data, sent, stamp), { timeoutMs, key: stamp.key }),
    isThere: async () =>
      session !== undefined && !session.isEnded() && (url === undefined || (await canConnect(url, timeoutMs))),
    async revive(withinMs) {
      const until = Date.now() + (isOurs ? START_MS : withinMs);
      await session?.close();
      session = undefined;
      while (session === undefined && Date.now() < until) {
        session = await openSession(await template.transport(), Math.max(1, until - Date.now())).catch(() => undefined);
        if (session === undefined) await sleep(200);
      }
      return session !== undefined;
    },
    close: async () => session?.close(),
  };
}

function paramsOf(data: string | undefined, sent: Sent, { callback = '' }: Stamp): Record<string, unknown> {
  const given = data === undefined ? {} : (JSON.parse(data.replaceAll(CALLBACK, callback)) as Record<string, unknown>);
  const { headers: _, meta, ...fields } = sent;
  if (meta !== undefined) return { ...given, _meta: meta };
  return Object.keys(fields).length === 0 ? given : { ...given, _meta: fields };
}

import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';

/** The members of a client that these tests use; every SDK's own has them. */
export interface Client {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: {
    name: string;
    arguments?: Record<string, unknown>;
    _meta?: Record<string, unknown>;
  }): Promise<Answer>;
}

export interface Answer {
  readonly isError?: boolean;
  readonly content: { readonly text?: string }[];
}

/** One line of the SDK, under names that both share. */
export interface Line {
  readonly name: string;
  client(): Client;
  stdio(command: string, args: string[], env?: Record<string, string>): never;
  http(url: URL): never;
}

const info = { name: 'agent', version: '1.0.0' };

export const lines: readonly Line[] = [
  {
    name: 'SDK v1',
    client: () => new ClientV1(info) as unknown as Client,
    stdio: (command, args, env) => new StdioV1({ command, args, stderr: 'ignore', ...(env && { env }) }) as never,
    http: (url) => new HttpV1(url) as never,
  },
  ...(['legacy', 'auto'] as const).map((mode): Line => ({
    name: mode === 'auto' ? 'SDK v2, revision 2026-07-28' : 'SDK v2',
    client: () => new ClientV2(info, { versionNegotiation: { mode } }) as unknown as Client,
    stdio: (command, args, env) => new StdioV2({ command, args, stderr: 'ignore', ...(env && { env }) }) as never,
    http: (url) => new HttpV2(url) as never,
  })),
];

/** Runs `fn` in a span of the test's own. */
export function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });
}

/** The one finished span of that name and kind. */
export function spanOf(telemetry: Telemetry, name: string, kind: SpanKind): ReadableSpan {
  const found = telemetry.spans().filter((span) => span.name === name && span.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} ${SpanKind[kind]} spans '${name}'`);
  return found[0] as ReadableSpan;
}

/** An analyst's tools: the library over Streamable HTTP, and a reader of its own over stdio. */
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { runTool } from '@throughline/agent';
import { traceClient } from '@throughline/mcp';
import * as z from 'zod';
import { adapter, dropping } from './breaking.ts';
import { Hit, setting } from './desk.ts';
import type { PassageKind } from './desk.ts';
import { loggedStep } from './logs.ts';

const CALL_DEADLINE_MS = 15_000;
const Found = z.object({ hits: z.array(Hit) });
const Read = z.object({ lines: z.array(z.string()) });

export interface Tools {
  search(words: readonly string[], kind: PassageKind): Promise<Hit[]>;
  read(hit: Hit): Promise<string[]>;
  close(): Promise<void>;
}

/** Connects both, and has the library take in what has changed. The spans of that belong to the active context. */
export async function connectTools(analyst: string): Promise<Tools> {
  const identity = { name: analyst, version: '1.0.0' };
  const sending = { agent: analyst, ...dropping('mcp-http') };
  const library = adapter('mcp-http-sender', traceClient)(new Client(identity), sending);
  // A program on this machine is not ours by itself; this one is.
  const ours = { agent: analyst, firstParty: true, ...dropping('mcp-stdio') };
  const reader = adapter('mcp-stdio-sender', traceClient)(new Client(identity), ours);
  const close = async (): Promise<void> => {
    await Promise.allSettled([library.close(), reader.close()]);
  };
  try {
    await library.connect(new StreamableHTTPClientTransport(new URL(setting('DESK_LIBRARY_URL'))));
    await reader.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [...process.execArgv, fileURLToPath(new URL('./reader.ts', import.meta.url))],
        env: {
          DESK_READER: `reader of ${analyst}`,
          DESK_REPOSITORY: setting('DESK_REPOSITORY'),
          DESK_BREAK: process.env['DESK_BREAK'] ?? '',
          DESK_METRICS: process.env['DESK_METRICS'] ?? '',
          DESK_LOGS: process.env['DESK_LOGS'] ?? '',
          OTEL_EXPORTER_OTLP_ENDPOINT: setting('OTEL_EXPORTER_OTLP_ENDPOINT'),
        },
        stderr: 'inherit',
      }),
    );
    await call(library, 'index', {});
  } catch (error) {
    await close();
    throw error;
  }
  return {
    search: (words, kind) => {
      const input = { words, kind, limit: 6 };
      return tool('search', input, async () => Found.parse(await call(library, 'search', input)).hits);
    },
    read: ({ file, line, last }) => {
      const input = { file, line, last };
      return tool('read_passage', input, async () => Read.parse(await call(reader, 'read_passage', input)).lines);
    },
    close,
  };
}

function tool<T>(name: string, input: object, run: () => Promise<T>): Promise<T> {
  return runTool(name, { arguments: input }, () => loggedStep('tool', { 'gen_ai.tool.name': name }, run));
}

async function call(client: Client, name: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const options = { timeout: CALL_DEADLINE_MS };
  const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: input }, undefined, options));
  const text = result.content.map((part) => (part.type === 'text' ? part.text : part.type)).join('\n');
  if (result.isError === true) throw new Error(`${name}: ${text}`);
  return result.structuredContent ?? {};
}

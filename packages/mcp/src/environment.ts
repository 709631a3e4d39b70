import { SpanKind } from '@opentelemetry/api';
import { startOutbound } from '@throughline/core';
import { MCP } from './conventions.ts';
import { rememberedSettings } from './options.ts';
import type { McpOptions } from './options.ts';

/**
 * Returns a copy of `env` with `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` of the active context, for a stdio server that reads
 * them when it starts (OpenTelemetry: environment variables as carriers). Baggage goes only to a server that is first-party.
 *
 * @example
 * ```ts
 * new StdioClientTransport({ command: 'node', args: ['server.js'], env: traceEnv() });
 * ```
 */
export function traceEnv(env: Readonly<Record<string, string>> = {}, options?: McpOptions): Record<string, string> {
  const { hop, given } = rememberedSettings(options);
  const target = { transport: MCP, channel: given.peer?.channel ?? 'process', host: given.peer?.host } as const;
  const sending = startOutbound({ transport: MCP, name: 'spawn', kind: SpanKind.CLIENT, target, span: false }, hop);
  sending.end();
  const copy: Record<string, string> = { ...env };
  // The three are one unit: with no span active, what the caller put there stays, and gets nothing beside it.
  if (sending.mode === 'keep' && variables.some((name) => Object.hasOwn(copy, name))) return copy;
  for (const name of variables) delete copy[name];
  if (sending.mode === 'strip') return copy;
  for (const [field, value] of Object.entries(sending.fields)) copy[variable(field)] = value;
  return copy;
}

const variables = ['TRACEPARENT', 'TRACESTATE', 'BAGGAGE'];

// Letters, digits and underscores, in upper case: `x-b3-traceid` travels as X_B3_TRACEID.
function variable(field: string): string {
  return field.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_');
}

import { SpanKind } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import { outboundFields, writeEnv } from '@throughline/core/adapter';
import { MCP } from './conventions.ts';
import { rememberedSettings } from './options.ts';
import type { McpOptions } from './options.ts';

/**
 * Returns a copy of `env` with `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` of the active context, for a stdio server that reads
 * them when it starts (OpenTelemetry: environment variables as carriers). Baggage goes only to a server that is first-party. Both
 * SDKs add what any program needs, such as `PATH`, so `{}` will mostly do; do not hand `process.env`, with all its secrets, to
 * a server that is not yours. Throws a `ThroughlineError` without an `env`.
 *
 * @example
 * ```ts
 * new StdioClientTransport({ command: 'node', args: ['server.js'], env: traceEnv({}) });
 * ```
 */
export function traceEnv(env: Readonly<Record<string, string>>, options?: McpOptions): Record<string, string> {
  if (typeof env !== 'object' || env === null) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceEnv` takes the environment to copy, such as the one in the settings of the server; traceEnv({}) where there is none.',
    );
  }
  const { hop, given } = rememberedSettings(options);
  const target = { transport: MCP, channel: given.peer?.channel ?? 'process', host: given.peer?.host } as const;
  return writeEnv(env, outboundFields({ transport: MCP, name: 'spawn', kind: SpanKind.CLIENT, target }, hop));
}

import { checkConnects, connecting } from './connecting.ts';
import type { Connects } from './connecting.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions } from './options.ts';

/** What `McpServer` and `Server` of both SDKs have. */
export type ServerLike = Connects;

/**
 * Returns a server of the same type: whatever transport it, or its `server`, connects to is traced, as {@link traceTransport}
 * does it. The server that is handed in is not changed. Where a factory makes a server for each request or session, wrap
 * what it returns.
 *
 * @example
 * ```ts
 * const handler = createMcpHandler(() => traceServer(makeServer()));
 * ```
 */
export function traceServer<S extends ServerLike>(server: S, options?: McpOptions): S {
  checkConnects(server, 'traceServer', 'a server', "new McpServer({ name: 'library', version: '1.0.0' })");
  return connecting(server, mcpSettings(options));
}

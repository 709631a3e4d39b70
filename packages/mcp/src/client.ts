import { checkConnects, connecting } from './connecting.ts';
import type { Connects } from './connecting.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions } from './options.ts';

/** What `Client` of both SDKs has. */
export type ClientLike = Connects;

/**
 * Returns a client of the same type: whatever transport it connects to is traced, as {@link traceTransport} does it. The
 * client that is handed in is not changed.
 *
 * @example
 * ```ts
 * const client = traceClient(new Client({ name: 'planner', version: '1.0.0' }));
 * await client.connect(transport);
 * ```
 */
export function traceClient<C extends ClientLike>(client: C, options?: McpOptions): C {
  checkConnects(client, 'traceClient', 'a client', "new Client({ name: 'planner', version: '1.0.0' })");
  return connecting(client, mcpSettings(options));
}

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { RunningAgent } from './agent.ts';

/** Serves HTTP on a free loopback port. `stop` lets running requests finish. */
export async function listen(handler: RequestListener): Promise<RunningAgent & { readonly url: string }> {
  const server = createServer(handler);
  // Longer than its callers keep a connection: one that is busy may else close what a caller is about to use.
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      await closed;
    },
  };
}

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { startTelemetry } from './telemetry.ts';

/** Serves a web handler in a process of its own, says where, and ends when it is told to, with every span exported. */
export async function serveUntilTold(
  service: string,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  const telemetry = startTelemetry(service);
  const server = createAdaptorServer({ fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(process, 'message');
  server.close();
  await telemetry.shutdown();
  process.disconnect();
}

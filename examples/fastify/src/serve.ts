import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { startTelemetry } from './telemetry.ts';

/** Serves an application in a process of its own, says where, and ends when it is told to, with every span exported. */
export async function serveUntilTold(service: string, app: FastifyInstance): Promise<void> {
  const telemetry = startTelemetry(service);
  process.send?.(await app.listen({ port: 0, host: '127.0.0.1' }));
  await once(process, 'message');
  await app.close();
  await telemetry.shutdown();
  process.disconnect();
}

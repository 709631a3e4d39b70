import { serverAvailability } from '@throughline/servers';
import type { RunningServer, ServerKind, ServerOptions } from '@throughline/servers';
import { Skipped } from './scenario.ts';

/** Starts a server of this scenario's own, which it may kill. */
export async function startServer(
  kind: ServerKind,
  start: (options: ServerOptions) => Promise<RunningServer>,
): Promise<RunningServer> {
  const env = { ...process.env, AMQP_URL: '', NATS_URL: '', REDIS_URL: '', SQS_ENDPOINT: '' };
  const { missing, reason } = await serverAvailability(kind, { env });
  if (missing) throw new Skipped(reason);
  return start({ env, onProgress: () => {} });
}

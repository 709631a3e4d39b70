import { setImmediate } from 'node:timers/promises';
import { traceBullMQ, tracedProcessor } from '@throughline/bullmq';
import { startRedis } from '@throughline/servers';
import { Queue, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { options } from '../options.ts';
import { ACKNOWLEDGED, outageScenario } from '../outage.ts';
import type { Ends, Outcome, Side } from '../outage.ts';
import type { Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';

interface Data {
  readonly chain: string;
  readonly key: string;
}

/** BullMQ on Redis: jobs that are handled once they are in the queue, and again where the worker lost them. */
export const scenario: Scenario = outageScenario({
  name: 'outage-bullmq',
  async start() {
    const broker = await startServer('redis', startRedis);
    return { broker, connect: (side) => connect(broker.url, side) };
  },
  atKill: [
    'Error: Connection is closed.',
    'AbortError: Command aborted due to connection close',
    'MaxRetriesPerRequestError: Reached the max retries per request limit (which is 1). Refer to "maxRetriesPerRequest" option for details.',
  ],
});

const AT_ONCE = 50;
/** Milliseconds after which a job is another worker's whose own does not say that it is still at it. */
const LOCKED = 2000;

async function connect(url: string, side: Side): Promise<Ends> {
  const { hostname: host, port } = new URL(url);
  const address = { host, port: Number(port), retryStrategy: () => 100 };
  const traced = side.name === 'traced' ? { telemetry: traceBullMQ(options) } : {};
  const queue = new Queue<Data>(side.name, {
    ...traced,
    connection: { ...address, maxRetriesPerRequest: 1, enableOfflineQueue: false },
    defaultJobOptions: { removeOnComplete: true, attempts: 100 },
  });
  const handle = async ({ data: { chain, key } }: Job<Data>): Promise<void> => {
    side.here(chain, 'processor');
    await setImmediate();
    side.here(chain, 'processor that waited');
    side.arrived(key);
  };
  const worker = new Worker<Data>(side.name, side.name === 'traced' ? tracedProcessor(handle, options) : handle, {
    ...traced,
    connection: { ...address, maxRetriesPerRequest: null },
    concurrency: AT_ONCE,
    lockDuration: LOCKED,
    stalledInterval: LOCKED / 2,
    maxStalledCount: 100,
  });
  queue.on('error', () => {});
  worker.on('error', () => {});
  await queue.waitUntilReady();
  await worker.waitUntilReady();
  return {
    send: (keys) =>
      side.chain(async (chain): Promise<Outcome> => {
        try {
          await queue.addBulk(keys.map((key) => ({ name: 'soak', data: { chain, key } })));
          side.here(chain, 'sender');
          return ACKNOWLEDGED;
        } catch (error) {
          side.here(chain, 'sender that failed');
          return String(error);
        }
      }),
    async stop() {
      await worker.close();
      await queue.close();
    },
  };
}

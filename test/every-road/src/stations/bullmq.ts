import { tracedProcessor, traceBullMQ } from '@throughline/bullmq';
import { traceFetch } from '@throughline/fetch';
import { Worker } from 'bullmq';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';

/** Takes questions off the queue, and posts them to the desk. */
export async function start(): Promise<Station> {
  const options = { agent: 'bullmq' };
  const { hostname: host, port } = new URL(setting('REDIS_URL'));
  const fetch = traceFetch(globalThis.fetch, options);
  const post = tracedProcessor(async ({ data }: { readonly data: unknown }) => {
    const response = await fetch(`${setting('FASTIFY_URL')}/desk/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(data),
    });
    if (!response.ok) throw new Error(`the desk answered ${response.status}`);
  }, options);
  const worker = new Worker('questions', post, {
    connection: { host, port: Number(port) },
    telemetry: traceBullMQ(options),
  });
  await worker.waitUntilReady();
  return { stop: () => worker.close() };
}

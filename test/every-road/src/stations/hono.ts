import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { traceBullMQ } from '@throughline/bullmq';
import { traceContext } from '@throughline/web/hono';
import { Queue } from 'bullmq';
import { build } from 'esbuild';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';

/** Serves a page, whose script asks; puts what it asks on a queue of BullMQ. */
export async function start(): Promise<Station> {
  const { hostname: host, port } = new URL(setting('REDIS_URL'));
  const connection = { host, port: Number(port) };
  const queue = new Queue('questions', { connection, telemetry: traceBullMQ({ agent: 'hono' }) });
  const script = await build({
    entryPoints: [new URL('../page.ts', import.meta.url).pathname],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const app = new Hono();
  // What a browser fetches by itself is no part of the question.
  const ignore = ({ req }: Context): boolean => /\.(js|ico)$/.test(req.path);
  app.use(traceContext({ agent: 'hono', serverTiming: true, ignore }));
  app.get('/', (c) => c.html('<!doctype html><title>asks</title><script type="module" src="/page.js"></script>'));
  app.get('/page.js', (c) => c.body(script.outputFiles[0]?.text ?? '', 200, { 'content-type': 'text/javascript' }));
  app.post('/questions/:about', async (c) => {
    await queue.add('question', { about: c.req.param('about'), text: await c.req.text() });
    return c.json({ accepted: true }, 202);
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  if (!server.listening) await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      await queue.close();
    },
  };
}

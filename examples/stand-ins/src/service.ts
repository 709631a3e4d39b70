import { AsyncLocalStorage } from 'node:async_hooks';
import { traceContext } from '@throughline/express';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import express from 'express';
import { ready, untilStopped } from './process.ts';

/** What an agent is asked. */
export interface Asking {
  readonly question: string;
}

/** An agent: from a question to its answer, whole or as it comes. */
export type Answering = (asking: Asking) => Promise<string | AsyncIterable<string>>;

/**
 * Serves agents over HTTP, each under a path of its own: `POST /{name}` with `{ question }`. A streamed answer is read outside of the
 * request, by a writer that was there before it. When the process is asked to stop it calls `close`, flushes, and exits.
 */
export async function serveAgents(
  agents: Readonly<Record<string, Answering>>,
  telemetry: Pick<TracerProvider, 'shutdown'>,
  close: () => Promise<unknown>,
): Promise<void> {
  const outside = AsyncLocalStorage.snapshot();
  const app = express();
  app.use(traceContext({ agent: 'desk' }));
  app.post('/:agent', express.json(), async (request, response) => {
    const answering = agents[request.params.agent];
    if (answering === undefined) return void response.status(404).end();
    const answer = await answering(request.body as Asking);
    if (typeof answer === 'string') return void response.end(answer);
    await outside(async () => {
      for await (const text of answer) response.write(text);
      response.end();
    });
  });
  const server = app.listen(0, '127.0.0.1', () => {
    ready(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  });
  await untilStopped();
  server.closeAllConnections();
  await close();
  await telemetry.shutdown();
  process.exit(0);
}

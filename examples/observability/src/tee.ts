import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';

export interface Tee extends AsyncDisposable {
  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
}

/** Starts an OTLP endpoint that hands what it is sent to all of these; the sender is told of the first that does not take it. */
export async function startTee(...endpoints: readonly string[]): Promise<Tee> {
  const server = createServer(async (request, response) => {
    try {
      const body = await bodyOf(request);
      const headers = { 'content-type': request.headers['content-type'] ?? 'application/json' };
      const answers = await Promise.all(
        endpoints.map((endpoint) => fetch(new URL(request.url ?? '/', endpoint), { method: 'POST', headers, body })),
      );
      const worst = answers.find(({ ok }) => !ok) ?? answers[0];
      response.writeHead(worst?.status ?? 200, { 'content-type': 'application/json' }).end('{}');
    } catch {
      // 503 is for the exporter to try again.
      response.writeHead(503).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Uint8Array.from(Buffer.concat(chunks));
}

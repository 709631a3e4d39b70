/** A model provider on loopback that speaks OpenAI's wire formats: chat completions and responses, streamed and not. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { chatAnswer, chatChunks, chatConversation } from './chat-completions.ts';
import { nextMove } from './conversation.ts';
import { responsesAnswer, responsesConversation, responsesEvents } from './responses.ts';

/** A request that the provider got. */
export interface ModelRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A running provider. */
export interface ModelStandIn {
  /** What clients take for `baseURL`. */
  readonly url: string;
  readonly requests: readonly ModelRequest[];
  close(): Promise<void>;
}

/** Starts a provider on a free port. */
export async function startModel(): Promise<ModelStandIn> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? '';
      requests.push({ path, headers: request.headers });
      const body = await json(request);
      // Answers of one caller overtake those of another.
      await delay(Math.random() * 20);
      const isChat = path.endsWith('/chat/completions');
      if (!isChat && !path.endsWith('/responses')) {
        response.writeHead(404).end();
        return;
      }
      const move = nextMove(isChat ? chatConversation(body) : responsesConversation(body));
      if (body['stream'] !== true) {
        const answer = isChat ? chatAnswer(move) : responsesAnswer(move);
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of isChat ? chatChunks(move) : responsesEvents(move)) {
        const type = isChat ? '' : `event: ${(event as { type: string }).type}\n`;
        response.write(`${type}data: ${JSON.stringify(event)}\n\n`);
        await delay(1);
      }
      response.end(isChat ? 'data: [DONE]\n\n' : undefined);
    })().catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function json(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return JSON.parse(text) as Record<string, unknown>;
}

/** One call that gives a model provider on loopback. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { anthropic } from './anthropic.ts';
import { answerTo } from './answer.ts';
import { holdsOf } from './behaviour.ts';
import type { Behaviour } from './behaviour.ts';
import { checkBehaviour } from './check-behaviour.ts';
import { chatCompletions } from './chat-completions.ts';
import { connectionOf } from './connection.ts';
import type { Conversation } from './conversation.ts';
import { deferred } from './deferred.ts';
import { deliver } from './deliver.ts';
import { embeddings } from './embeddings.ts';
import { parseObject, textIn } from './json.ts';
import type { JsonObject } from './json.ts';
import { messages } from './messages.ts';
import { openai } from './openai.ts';
import { promptCache } from './prompt-cache.ts';
import type { PromptCacheOptions } from './prompt-cache.ts';
import { tokensIn } from './prompt.ts';
import { responses } from './responses.ts';
import type { FormatName } from './wire-format.ts';

export interface ModelOptions {
  /** What it does with a request that `next` says nothing about. An empty behaviour by default. */
  readonly answer?: (request: ModelRequest) => Behaviour | Promise<Behaviour>;
  /** Counts what a prompt shares with earlier ones as cached tokens. Nothing is cached by default. */
  readonly promptCache?: boolean | PromptCacheOptions;
  /** A free one by default. */
  readonly port?: number;
}

/** A running provider. */
export interface RunningModel extends AsyncDisposable {
  /** Where it listens: what Anthropic's SDK takes as `baseURL`. */
  readonly url: string;
  /** `url` with `/v1`: what OpenAI's SDK and the AI SDK take as `baseURL`. */
  readonly v1: string;
  /** Every request that it understood, in the order in which they came. */
  readonly requests: readonly ModelRequest[];
  /** Says what it does with the next requests, one behaviour each. Throws where one of them cannot happen. */
  next(...behaviours: readonly Behaviour[]): void;
  /** Breaks all connections, and resolves when it no longer listens. */
  close(): Promise<void>;
}

/** A request that the provider got. */
export interface ModelRequest {
  readonly format: FormatName;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: JsonObject;
  /** The model that was asked for; `stand-in-1` where none was named. */
  readonly model: string;
  readonly streamed: boolean;
  readonly conversation: Conversation;
  /** How it ended: with a whole answer, by a failure that was asked for, or because the client went away. */
  readonly ended: Promise<'answered' | 'failed' | 'left'>;
}

const FORMATS = new Map([chatCompletions, responses, embeddings, messages].map((format) => [format.path, format]));
const DEFAULT_MODEL = 'stand-in-1';

/**
 * Starts a provider on loopback.
 *
 * @example
 * ```ts
 * await using model = await startModel();
 * model.next({ fail: { by: 'status', status: 429, retryAfterMs: 20 } }, { text: 'Here it is.' });
 * const openai = new OpenAI({ baseURL: model.v1, apiKey: 'none' });
 * ```
 */
export async function startModel(options: ModelOptions = {}): Promise<RunningModel> {
  const { promptCache: caches = false } = options;
  const cache = caches === false ? undefined : promptCache(caches === true ? {} : caches);
  const requests: ModelRequest[] = [];
  const script: Behaviour[] = [];

  const behaviourFor = async (request: ModelRequest): Promise<Behaviour> => {
    const scripted = script.shift();
    if (scripted !== undefined) return scripted;
    const behaviour = (await options.answer?.(request)) ?? {};
    checkBehaviour(behaviour);
    return behaviour;
  };

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const startedAt = performance.now();
    const path = incoming.url ?? '';
    const connection = connectionOf(response);
    const text = await textFrom(incoming);
    const format = FORMATS.get(path.split('?', 1)[0] ?? '');
    const voice = format?.provider ?? (path.startsWith('/v1/messages') ? anthropic : openai);
    const refuse = (status: number, message: string): Promise<void> => {
      // The SDKs obey the header: what is wrong here does not get better.
      connection.head(status, { 'content-type': 'application/json', 'x-should-retry': 'false' });
      return connection.end(JSON.stringify(voice.errorBody({ status, message, requestId: 'req_refused' })));
    };
    if (format === undefined || incoming.method !== 'POST') {
      return refuse(404, `Invalid URL (${incoming.method} ${path})`);
    }
    const body = parseObject(text);
    if (body === undefined) return refuse(400, 'We could not parse the JSON body of your request.');
    const fault = format.faultOf(body);
    if (fault !== undefined) return refuse(400, fault);

    const ended = deferred<'answered' | 'failed' | 'left'>();
    const model = textIn(body, 'model') || DEFAULT_MODEL;
    const request: ModelRequest = {
      format: format.name,
      path,
      headers: incoming.headers,
      body,
      model,
      streamed: body['stream'] === true && format.stream !== undefined,
      conversation: format.conversation(body),
      ended: ended.promise,
    };
    requests.push(request);
    let behaviour: Behaviour;
    try {
      behaviour = await behaviourFor(request);
    } catch (error) {
      ended.resolve('failed');
      return refuse(500, `The rule of the stand-in failed: ${String(error)}`);
    }
    const prompt = format.prompt(body);
    const cached = cache?.look(model, prompt) ?? { cached: 0, cacheWrite: 0 };
    const asked = { model, promptTokens: tokensIn(prompt.text), cache: cached, idPrefix: format.idPrefix };
    try {
      const whole = await deliver(
        { format, request: body, connection, startedAt },
        behaviour,
        answerTo(asked, behaviour),
      );
      ended.resolve(whole ? 'answered' : 'failed');
    } finally {
      ended.resolve('left');
      for (const hold of holdsOf(behaviour)) hold.miss(`the answer to ${path} was over before`);
    }
  };

  // Who went away needs no answer, and breaks nothing here.
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url,
    v1: `${url}/v1`,
    requests,
    next: (...behaviours) => {
      for (const behaviour of behaviours) checkBehaviour(behaviour);
      script.push(...behaviours);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function textFrom(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text;
}

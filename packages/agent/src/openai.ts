import { checkName } from '@throughline/core/adapter';
import type { CallRequest } from './model/request.ts';
import type { Loose } from './model/said.ts';
import type { CallModelOptions } from './model/start-call.ts';
import { resourceAt, tracedClient, traceMethod } from './provider/client.ts';
import type { Client, ClientLike } from './provider/client.ts';
import { noteAttempts } from './provider/noted-fetch.ts';
import { chatRequest, completionRequest, embeddingsRequest, responseRequest } from './provider/openai-request.ts';
import { serverOf } from './provider/server.ts';
import { settingsOf } from './settings.ts';
import { textIn } from './step.ts';

/** The options of {@link traceOpenAI}. */
export interface TraceOpenAIOptions extends CallModelOptions {
  /** As the conventions name it. Default: as the base URL says, and `openai` where it says nothing. */
  readonly provider?: string | undefined;
}

/** A client of `openai`: `OpenAI`, `AzureOpenAI`, or one of a subclass. */
export interface OpenAIClientLike extends ClientLike {
  readonly chat: object;
}

const METHODS: readonly (readonly [path: readonly string[], request: (body: Loose) => CallRequest])[] = [
  [['chat', 'completions'], chatRequest],
  [['responses'], responseRequest],
  [['beta', 'responses'], responseRequest],
  [['completions'], completionRequest],
  [['embeddings'], embeddingsRequest],
];

/**
 * Returns a client of the same class whose calls of models are spans `chat {model}`, with the phases, attempts, usage and what else
 * {@link callModel} tells of a call: Chat Completions, Responses, embeddings, and the legacy completions, with `stream`, `parse` and
 * `runTools`. What comes back is what the SDK returns: an `APIPromise`, and its `Stream`. The client that is given stays as it is. A thrown value
 * comes out as the same object. Throws a `ThroughlineError` for wrong options, and for what is no client.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/openai.md
 *
 * @example
 * ```ts
 * const openai = traceOpenAI(new OpenAI());
 * const stream = await openai.chat.completions.create({ model: 'gpt-9', messages, stream: true });
 * ```
 */
export function traceOpenAI<C extends OpenAIClientLike>(client: C, options?: TraceOpenAIOptions): C {
  settingsOf(options);
  checkName('provider', options?.provider);
  return tracedClient(client, '`traceOpenAI` takes a client of `openai` 5 or later: `new OpenAI()`.', (fresh) => {
    noteAttempts(fresh);
    for (const [path, request] of METHODS) {
      const resource = resourceAt(fresh, path);
      if (resource === undefined) continue;
      traceMethod(resource, 'create', (body) => addressed(request(body), fresh, options), options);
    }
  });
}

/** Adds whom a request goes to. */
function addressed(request: CallRequest, client: Client, options: TraceOpenAIOptions | undefined): CallRequest {
  const { provider, address, port } = serverOf(client['baseURL']);
  const isAzure = 'deploymentName' in client;
  return {
    ...request,
    // The deployment of an Azure client stands for a model.
    model: request.model ?? textIn(client['deploymentName']),
    provider: options?.provider ?? provider ?? (isAzure ? 'azure.ai.openai' : 'openai'),
    serverAddress: address,
    serverPort: port,
  };
}

import { context as contextApi, propagation } from '@opentelemetry/api';
import { checkName, guarded } from '@throughline/core/adapter';
import type { CallRequest } from './model/request.ts';
import { loose } from './model/said.ts';
import type { CallModelOptions } from './model/start-call.ts';
import { messageRequest } from './provider/anthropic-request.ts';
import { replace, resourceAt, tracedClient, traceMethod } from './provider/client.ts';
import type { Client, ClientLike } from './provider/client.ts';
import { noteAttempts } from './provider/noted-fetch.ts';
import { serverOf } from './provider/server.ts';
import { settingsOf } from './settings.ts';

/** The options of {@link traceAnthropic}. */
export interface TraceAnthropicOptions extends CallModelOptions {
  /** As the conventions name it. Default: as the base URL says, and `anthropic` where it says nothing. */
  readonly provider?: string | undefined;
}

/** A client of `@anthropic-ai/sdk`: `Anthropic`, or one of its kin for other clouds. */
export interface AnthropicClientLike extends ClientLike {
  readonly messages: object;
}

const PATHS = [['messages'], ['beta', 'messages']] as const;

/**
 * Returns a client of the same class whose calls of models are spans `chat {model}`, with the phases, attempts, usage and what else
 * {@link callModel} tells of a call: `messages` and `beta.messages`, with `stream`, `parse` and `toolRunner`. Counting tokens is no call of a model.
 * What comes back is what the SDK returns: an `APIPromise`, and its `Stream`. The client that is given stays as it is. The SDK's own
 * span of such a call is left out; those of other calls stay. A thrown value comes out as the same object. Throws a `ThroughlineError` for wrong
 * options, and for what is no client.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/anthropic.md
 *
 * @example
 * ```ts
 * const anthropic = traceAnthropic(new Anthropic());
 * const message = await anthropic.messages.create({ model: 'claude-opus-9', max_tokens: 1024, messages });
 * ```
 */
export function traceAnthropic<C extends AnthropicClientLike>(client: C, options?: TraceAnthropicOptions): C {
  settingsOf(options);
  checkName('provider', options?.provider);
  const takes = '`traceAnthropic` takes a client of `@anthropic-ai/sdk` with `withOptions`: `new Anthropic()`.';
  return tracedClient(client, takes, (fresh) => {
    const quiet = withoutOwnSpans(fresh);
    noteAttempts(fresh);
    if (quiet !== fresh)
      noteAttempts(quiet, loose(fresh['openTelemetry']).propagation === true ? traceFields : undefined);
    const request = (body: Parameters<typeof messageRequest>[0]): CallRequest => addressed(body, fresh, options);
    for (const path of PATHS) {
      const [resource, sender] = [resourceAt(fresh, path), resourceAt(quiet, path)];
      if (resource === undefined || sender === undefined) continue;
      traceMethod(resource, 'create', request, options, sender);
      if (sender === resource) continue;
      traceMethod(sender, 'create', request, options);
      // It opens a span of the SDK's before it calls `create`.
      const { stream } = sender;
      if (typeof stream === 'function') {
        replace(resource, 'stream', (...args: unknown[]) => Reflect.apply(stream, sender, args) as unknown);
      }
    }
  });
}

/** Returns a client like this one that opens no spans by itself: since version 1 of the SDK each call would have two that count its tokens. */
function withoutOwnSpans(client: Client): Client {
  const telemetry = loose(client['openTelemetry']);
  const traces = loose(telemetry.traces);
  if (traces.enabled !== true) return client;
  const { withOptions } = Object.getPrototypeOf(client) as Client;
  return withOptions.call(client, { openTelemetry: { ...telemetry, traces: { ...traces, enabled: false } } });
}

/** Returns the trace context as the SDK sends it by itself, but without baggage, which is not for a provider. */
function traceFields(): Record<string, string> {
  const fields: Record<string, string> = {};
  guarded('propagator', () => propagation.inject(contextApi.active(), fields));
  delete fields['baggage'];
  return fields;
}

/** Adds whom a request goes to. */
function addressed(
  body: Parameters<typeof messageRequest>[0],
  client: Client,
  options: TraceAnthropicOptions | undefined,
): CallRequest {
  const { provider, address, port } = serverOf(client['baseURL']);
  return {
    ...messageRequest(body),
    provider: options?.provider ?? provider ?? 'anthropic',
    serverAddress: address,
    serverPort: port,
  };
}

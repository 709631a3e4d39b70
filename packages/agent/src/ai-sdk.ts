import { context as contextApi } from '@opentelemetry/api';
import { checkName } from '@throughline/core/adapter';
import { followStream, isStream } from './follow-stream.ts';
import type { HeadersLike } from './model/headers.ts';
import type { CallRequest } from './model/request.ts';
import { loose } from './model/said.ts';
import { followingOf, startCall } from './model/start-call.ts';
import type { CallModelOptions, StartedCall } from './model/start-call.ts';
import { embedRequest, languageRequest } from './provider/ai-sdk-request.ts';
import { Works } from './provider/ai-sdk-works.ts';
import type { Work } from './provider/ai-sdk-works.ts';
import { settingsOf } from './settings.ts';
import { textIn } from './step.ts';

/** The options of {@link modelMiddleware}. */
export interface ModelMiddlewareOptions extends CallModelOptions {
  /** As the conventions name it. Default: as the model's own name of its provider says. */
  readonly provider?: string | undefined;
}

/** A model of the AI SDK, as middleware sees it. */
export interface AiModelLike {
  readonly provider: string;
  readonly modelId: string;
}

/** Middleware of the AI SDK, for language models and for embedding models: for `ai` 6, and for `ai` 7, which takes both. */
export interface ModelMiddleware {
  readonly specificationVersion: 'v3';
  wrapGenerate<R>(call: {
    readonly doGenerate: () => PromiseLike<R>;
    readonly params: object;
    readonly model: AiModelLike;
  }): Promise<R>;
  wrapStream<R>(call: {
    readonly doStream: () => PromiseLike<R>;
    readonly params: object;
    readonly model: AiModelLike;
  }): Promise<R>;
  wrapEmbed<R>(call: {
    readonly doEmbed: () => PromiseLike<R>;
    readonly params: object;
    readonly model: AiModelLike;
  }): Promise<R>;
}

/**
 * Returns middleware for `wrapLanguageModel` and `wrapEmbeddingModel` of the AI SDK: each call of the model is a span `chat {model}`, with usage,
 * phases and what else {@link callModel} tells of a call. What the SDK tries again by itself is an attempt of the same work, each with a
 * span of its own. Beside `@ai-sdk/otel`, whose span of the call is there already, it adds to that span. Throws a `ThroughlineError`
 * for wrong options.
 * https://ai-sdk.dev/docs/ai-sdk-core/middleware
 *
 * @example
 * ```ts
 * const model = wrapLanguageModel({ model: openai('gpt-9'), middleware: modelMiddleware() });
 * const { textStream } = streamText({ model, prompt });
 * ```
 */
export function modelMiddleware(options?: ModelMiddlewareOptions): ModelMiddleware {
  settingsOf(options);
  checkName('provider', options?.provider);
  const works = new Works();
  const run = async <R>(
    request: CallRequest,
    work: Work,
    send: () => PromiseLike<R>,
    came: (result: R, started: StartedCall) => R,
  ): Promise<R> => {
    const { provider = request.provider } = options ?? {};
    const earlier = works.earlier(work);
    const started = startCall({ ...request, provider }, options, earlier);
    const { call, ended, refused } = started;
    if (refused !== undefined) throw refused;
    try {
      const result = await contextApi.with(call.context, () => call.attempt(send));
      const { headers } = loose(loose(result).response);
      if (typeof headers === 'object' && headers !== null) call.headers(headers as HeadersLike);
      return came(result, started);
    } catch (error) {
      works.failed(work, earlier);
      ended({ how: 'failed', error });
      throw error;
    }
  };
  const whole = <R>(result: R, { ended }: StartedCall): R => {
    ended({ how: 'done', value: result });
    return result;
  };
  const streamed = <R>(result: R, started: StartedCall): R => {
    const { stream } = loose(result);
    if (!isStream(stream)) return whole(result, started);
    started.call.answered();
    return { ...result, stream: followStream(stream, followingOf(started)) };
  };
  return {
    specificationVersion: 'v3',
    wrapGenerate: ({ doGenerate, params, model }) =>
      run(languageRequest(loose(params), loose(model), false), workOf(params, model), doGenerate, whole),
    wrapStream: ({ doStream, params, model }) =>
      run(languageRequest(loose(params), loose(model), true), workOf(params, model), doStream, streamed),
    wrapEmbed: ({ doEmbed, params, model }) =>
      run(embedRequest(loose(params), loose(model)), workOf(params, model), doEmbed, whole),
  };
}

function workOf(params: object, model: AiModelLike): Work {
  const { headers, prompt, values } = loose(params);
  return { model: textIn(loose(model).modelId), headers, prompt: prompt ?? values };
}

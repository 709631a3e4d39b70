import Anthropic from '@anthropic-ai/sdk';
import type { RunningModel } from '@throughline/model-stand-in';
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { traceAnthropic } from '../src/anthropic.ts';
import type { CallModelOptions } from '../src/index.ts';
import { traceOpenAI } from '../src/openai.ts';

/** What the SDKs return, as far as the tests use it. */
export interface SdkPromise<T> extends Promise<T> {
  asResponse(): Promise<Response>;
  withResponse(): Promise<{ data: T; response: Response }>;
}

export interface SdkStream extends AsyncIterable<object> {
  readonly controller: AbortController;
  tee(): [SdkStream, SdkStream];
  toReadableStream(): ReadableStream<Uint8Array>;
}

interface Request {
  readonly signal?: AbortSignal;
  readonly prompt?: string;
}

/** A traced client, and one way to call a model by it. */
export interface SdkClient {
  whole(request?: Request): SdkPromise<object>;
  stream(request?: Request): SdkPromise<SdkStream>;
  /** The text of an answer, by the SDK's own helper for streams. */
  helper(): Promise<string>;
}

export interface SdkKind {
  readonly name: string;
  readonly provider: string;
  connect(model: RunningModel, options?: CallModelOptions): SdkClient;
}

const asked = (prompt = 'hello there') => [{ role: 'user' as const, content: prompt }];

const chat = (name: string, Client: typeof OpenAI): SdkKind => ({
  name,
  provider: 'openai',
  connect: (model, options) => {
    const {
      chat: { completions },
    } = traceOpenAI(new Client({ baseURL: model.v1, apiKey: 'none', logLevel: 'off' }), options);
    return {
      whole: ({ prompt, signal } = {}) => completions.create({ model: 'm', messages: asked(prompt) }, { signal }),
      stream: ({ prompt, signal } = {}) =>
        completions.create(
          { model: 'm', messages: asked(prompt), stream: true, stream_options: { include_usage: true } },
          { signal },
        ),
      helper: async () =>
        (await completions
          .stream({ model: 'm', messages: asked(), stream_options: { include_usage: true } })
          .finalContent()) ?? '',
    };
  },
});

/** Each SDK with each API by which it calls a model. */
export const SDKS: readonly SdkKind[] = [
  chat('openai, Chat Completions', OpenAI),
  chat('openai 6, Chat Completions', OpenAI6 as never),
  {
    name: 'openai, Responses',
    provider: 'openai',
    connect: (model, options) => {
      const { responses } = traceOpenAI(new OpenAI({ baseURL: model.v1, apiKey: 'none', logLevel: 'off' }), options);
      return {
        whole: ({ prompt, signal } = {}) => responses.create({ model: 'm', input: asked(prompt) }, { signal }),
        stream: ({ prompt, signal } = {}) =>
          responses.create({ model: 'm', input: asked(prompt), stream: true }, { signal }),
        helper: async () => (await responses.stream({ model: 'm', input: asked() }).finalResponse()).output_text,
      };
    },
  },
  ...(['messages', 'beta'] as const).map((which): SdkKind => ({
    name: which === 'messages' ? '@anthropic-ai/sdk, Messages' : '@anthropic-ai/sdk, Messages (beta)',
    provider: 'anthropic',
    connect: (model, options) => {
      const client = traceAnthropic(new Anthropic({ baseURL: model.url, apiKey: 'none', logLevel: 'off' }), options);
      const messages =
        which === 'messages' ? client.messages : (client.beta.messages as never as typeof client.messages);
      const body = { model: 'm', max_tokens: 100 } as const;
      return {
        whole: ({ prompt, signal } = {}) => messages.create({ ...body, messages: asked(prompt) }, { signal }),
        stream: ({ prompt, signal } = {}) =>
          messages.create({ ...body, messages: asked(prompt), stream: true }, { signal }),
        helper: () => messages.stream({ ...body, messages: asked() }).finalText(),
      };
    },
  })),
];

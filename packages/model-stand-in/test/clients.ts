/** The real SDKs, and what each makes of an answer. */
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import OpenAI from 'openai';
import type { RunningModel } from '../src/index.ts';

/** What an SDK gives to its user. */
export interface Said {
  readonly text: string;
  readonly tools: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly finish: string | null | undefined;
  readonly model: string | undefined;
  readonly id: string | undefined;
  readonly usage: {
    readonly input: number | undefined;
    readonly cached: number | null | undefined;
    readonly output: number | undefined;
    readonly reasoning: number | undefined;
  };
}

export interface Asking {
  readonly prompt?: string;
  readonly maxRetries?: number;
  /** What it gets as it comes. */
  readonly onText?: (text: string) => void;
}

/** An SDK and one of its ways to ask. */
export type Client = (model: RunningModel, asking?: Asking) => Promise<Said>;

const PARAMETERS = { type: 'object', properties: { query: { type: 'string' } } } as const;
const apiKey = 'none';

/** A client of OpenAI. */
export function openaiClient({ v1 }: RunningModel, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: v1, apiKey, maxRetries, logLevel: 'off' });
}

/** A client of Anthropic. */
export function anthropicClient({ url }: RunningModel, maxRetries = 0): Anthropic {
  return new Anthropic({ baseURL: url, apiKey, maxRetries, logLevel: 'off' });
}

function chatRequest({ prompt = 'Hello?' }: Asking) {
  const search = { type: 'function', function: { name: 'search', parameters: PARAMETERS } } as const;
  return { model: 'gpt', messages: [{ role: 'user' as const, content: prompt }], tools: [search] };
}

const chat: Client = async (model, asking = {}) => {
  const answer = await openaiClient(model, asking.maxRetries).chat.completions.create(chatRequest(asking));
  return chatSaid(answer);
};

const chatStream: Client = async (model, asking = {}) => {
  const request = { ...chatRequest(asking), stream_options: { include_usage: true } };
  const stream = openaiClient(model, asking.maxRetries).chat.completions.stream(request);
  stream.on('content', (delta) => asking.onText?.(delta));
  return chatSaid(await stream.finalChatCompletion());
};

function chatSaid({ choices, model, id, usage }: OpenAI.ChatCompletion): Said {
  const [{ message, finish_reason } = { message: undefined, finish_reason: undefined }] = choices;
  return {
    text: message?.content ?? message?.refusal ?? '',
    tools: (message?.tool_calls ?? []).flatMap((call) =>
      call.type === 'function'
        ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) }]
        : [],
    ),
    finish: finish_reason,
    model,
    id,
    usage: {
      input: usage?.prompt_tokens,
      cached: usage?.prompt_tokens_details?.cached_tokens,
      output: usage?.completion_tokens,
      reasoning: usage?.completion_tokens_details?.reasoning_tokens,
    },
  };
}

function responsesRequest({ prompt = 'Hello?' }: Asking) {
  const search = { type: 'function', name: 'search', parameters: PARAMETERS, strict: false } as const;
  return { model: 'gpt', input: prompt, tools: [search] };
}

const responses: Client = async (model, asking = {}) =>
  responsesSaid(await openaiClient(model, asking.maxRetries).responses.create(responsesRequest(asking)));

const responsesStream: Client = async (model, asking = {}) => {
  const stream = openaiClient(model, asking.maxRetries).responses.stream(responsesRequest(asking));
  stream.on('response.output_text.delta', ({ delta }) => asking.onText?.(delta));
  return responsesSaid(await stream.finalResponse());
};

function responsesSaid({
  output,
  output_text,
  model,
  id,
  usage,
  status,
  incomplete_details,
}: OpenAI.Responses.Response): Said {
  const refusals = output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .flatMap((part) => (part.type === 'refusal' ? [part.refusal] : []));
  return {
    text: output_text || refusals.join(''),
    tools: output.flatMap((item) =>
      item.type === 'function_call' ? [{ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) }] : [],
    ),
    finish: incomplete_details?.reason ?? status,
    model,
    id,
    usage: {
      input: usage?.input_tokens,
      cached: usage?.input_tokens_details.cached_tokens,
      output: usage?.output_tokens,
      reasoning: usage?.output_tokens_details.reasoning_tokens,
    },
  };
}

function messagesRequest({ prompt = 'Hello?' }: Asking) {
  const tools = [{ name: 'search', input_schema: PARAMETERS }];
  return { model: 'claude', max_tokens: 100, messages: [{ role: 'user' as const, content: prompt }], tools };
}

const messages: Client = async (model, asking = {}) =>
  messagesSaid(await anthropicClient(model, asking.maxRetries).messages.create(messagesRequest(asking)));

const messagesStream: Client = async (model, asking = {}) => {
  const stream = anthropicClient(model, asking.maxRetries).messages.stream(messagesRequest(asking));
  stream.on('text', (text) => asking.onText?.(text));
  return messagesSaid(await stream.finalMessage());
};

function messagesSaid({ content, stop_reason, model, id, usage }: Anthropic.Message): Said {
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    tools: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    finish: stop_reason,
    model,
    id,
    usage: {
      input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
      cached: usage.cache_read_input_tokens,
      output: usage.output_tokens,
      reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
    },
  };
}

const search = tool({
  inputSchema: jsonSchema<{ readonly query?: string }>(PARAMETERS),
  execute: ({ query }) => `nothing on ${query}`,
});

const AI_MODELS = {
  chat: ({ v1 }: RunningModel) => createOpenAI({ baseURL: v1, apiKey }).chat('gpt'),
  responses: ({ v1 }: RunningModel) => createOpenAI({ baseURL: v1, apiKey }).responses('gpt'),
  messages: ({ v1 }: RunningModel) => createAnthropic({ baseURL: v1, apiKey })('claude-sonnet-4-5'),
};

const aiSdk =
  (format: keyof typeof AI_MODELS): Client =>
  async (model, { prompt = 'Hello?', maxRetries = 0 } = {}) => {
    const result = await generateText({ model: AI_MODELS[format](model), prompt, maxRetries, tools: { search } });
    const { text, toolCalls, finishReason, usage, response } = result;
    return aiSaid(text, toolCalls, finishReason, usage, response);
  };

const aiSdkStream =
  (format: keyof typeof AI_MODELS): Client =>
  async (model, { prompt = 'Hello?', maxRetries = 0, onText } = {}) => {
    let failed: { readonly error: unknown } | undefined;
    const onError = (event: { readonly error: unknown }) => void (failed = event);
    const result = streamText({ model: AI_MODELS[format](model), prompt, maxRetries, tools: { search }, onError });
    for await (const text of result.textStream) onText?.(text);
    if (failed !== undefined) throw failed.error;
    const [text, toolCalls, finishReason] = await Promise.all([result.text, result.toolCalls, result.finishReason]);
    return aiSaid(text, toolCalls, finishReason, await result.usage, await result.response);
  };

function aiSaid(
  text: string,
  calls: readonly { readonly toolCallId: string; readonly toolName: string; readonly input: unknown }[],
  finish: string,
  usage: Awaited<ReturnType<typeof generateText>>['usage'],
  response: { readonly modelId: string; readonly id: string },
): Said {
  const { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } = usage;
  const [cached, reasoning] = [inputTokenDetails.cacheReadTokens, outputTokenDetails.reasoningTokens ?? 0];
  return {
    text,
    tools: calls.map(({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, input })),
    finish,
    model: response.modelId,
    id: response.id,
    usage: { input: inputTokens, cached, output: outputTokens, reasoning },
  };
}

/** Every SDK, in every wire format, streamed and not. */
export const clients: readonly {
  readonly name: string;
  readonly streams: boolean;
  readonly sdk: Sdk;
  readonly ask: Client;
}[] = [
  { name: 'openai, chat completions', streams: false, sdk: 'chat', ask: chat },
  { name: 'openai, chat completions streamed', streams: true, sdk: 'chat', ask: chatStream },
  { name: 'openai, responses', streams: false, sdk: 'responses', ask: responses },
  { name: 'openai, responses streamed', streams: true, sdk: 'responses', ask: responsesStream },
  { name: 'anthropic, messages', streams: false, sdk: 'messages', ask: messages },
  { name: 'anthropic, messages streamed', streams: true, sdk: 'messages', ask: messagesStream },
  ...(['chat', 'responses', 'messages'] as const).flatMap((format) => [
    { name: `AI SDK, ${format}`, streams: false, sdk: 'ai', ask: aiSdk(format) } as const,
    { name: `AI SDK, ${format} streamed`, streams: true, sdk: 'ai', ask: aiSdkStream(format) } as const,
  ]),
];

export type Sdk = 'chat' | 'responses' | 'messages' | 'ai';

/** Reads a stream to its end. */
export async function everything<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** What the stand-in asks of a wire format. */
import type { Answer } from './answer.ts';
import type { Conversation } from './conversation.ts';
import type { JsonObject } from './json.ts';
import type { Prompt } from './prompt.ts';

/** A wire format: how a request is read and an answer written. Nothing in it knows of time, sockets or failures. */
export interface WireFormat {
  readonly name: FormatName;
  readonly path: string;
  readonly provider: ProviderVoice;
  readonly idPrefix: string;
  /** Returns what is wrong with a request, or `undefined`. */
  faultOf(body: JsonObject): string | undefined;
  conversation(body: JsonObject): Conversation;
  prompt(body: JsonObject): Prompt;
  /** The answer in one piece. */
  body(answer: Answer, request: JsonObject): object;
  /** The name of the event that a text comes in, for one that is malformed; `undefined` where events have no names. */
  readonly textEvent: string | undefined;
  /** The answer as events; `undefined` where the format has no streams. */
  stream: ((answer: Answer, request: JsonObject) => AnswerStream) | undefined;
}

export type FormatName = 'chat-completions' | 'responses' | 'embeddings' | 'messages';

/** A streamed answer: what comes before its first chunk, the events of each chunk, and what comes after the last one. */
export interface AnswerStream {
  readonly opening: readonly ServerEvent[];
  readonly chunks: readonly (readonly ServerEvent[])[];
  readonly ending: readonly ServerEvent[];
}

/** A server-sent event. Data that is a text is sent as it is. */
export interface ServerEvent {
  readonly event?: string | undefined;
  readonly data: object | string;
}

/** How a provider speaks of itself, in all its wire formats. */
export interface ProviderVoice {
  /** The body of an answer with an error status. */
  errorBody(error: ProviderError): object;
  /** The event of a stream that fails. */
  errorEvent(error: ProviderError, format: FormatName): ServerEvent;
  headers(about: HeadersOf): Readonly<Record<string, string>>;
}

export interface ProviderError {
  readonly status: number;
  readonly message: string | undefined;
  readonly requestId: string;
}

export interface HeadersOf {
  readonly requestId: string;
  readonly processingMs: number;
  readonly remaining: { readonly requests: number; readonly tokens: number };
}

/** Returns an event that is named after the type of its data. */
export function typedEvent(data: { readonly type: string; readonly [key: string]: unknown }): ServerEvent {
  return { event: data.type, data };
}

/** Returns an event as it is on the wire. */
export function formatEvent({ event, data }: ServerEvent): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

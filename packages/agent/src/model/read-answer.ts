import { readGenerated, readStreamPart } from './ai-sdk-parts.ts';
import { readMessageEvent } from './anthropic-messages.ts';
import { readChatCompletion } from './openai-chat.ts';
import { readResponse, readResponseEvent } from './openai-responses.ts';
import { loose } from './said.ts';
import type { Said } from './said.ts';

/**
 * Returns what a chunk or an answer says, of whatever provider: Chat Completions and Responses of OpenAI and of what speaks as they do,
 * Messages of Anthropic, the language models of the AI SDK, and embeddings. `undefined` where it is none of them.
 */
export function readAnswer(chunk: unknown): Said | undefined {
  const value = loose(chunk);
  const { object, type } = value;
  if (Array.isArray(value.choices)) return readChatCompletion(value);
  if (object === 'response') return readResponse(value);
  if (object === 'list') {
    const { prompt_tokens: inputTokens } = loose(value.usage);
    return { model: value.model, inputTokens };
  }
  if (typeof type === 'string') {
    if (type.startsWith('response.')) return readResponseEvent(value);
    return type.includes('-') || type === 'finish' || type === 'error'
      ? readStreamPart(value)
      : readMessageEvent(value);
  }
  if (Array.isArray(value.embeddings)) return { inputTokens: loose(value.usage).tokens };
  return value.finishReason !== undefined && value.usage !== undefined ? readGenerated(value) : undefined;
}

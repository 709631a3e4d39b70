import { loose } from './said.ts';
import type { Loose, Said } from './said.ts';

/**
 * Returns what a chunk or an answer of Chat Completions says, or of what speaks its format.
 * https://platform.openai.com/docs/api-reference/chat/streaming
 */
export function readChatCompletion(value: Loose): Said | undefined {
  const { choices, usage, x_groq: groq } = value;
  let text: string | undefined;
  let toolCall = false;
  let reasons: unknown[] | undefined;
  if (Array.isArray(choices)) {
    for (const choice of choices as unknown[]) {
      const { delta, message, finish_reason: reason, text: legacy } = loose(choice);
      const { content, refusal, tool_calls: calls, reasoning_content: reasoning } = loose(delta ?? message);
      for (const part of [content, refusal, reasoning, legacy]) {
        if (typeof part === 'string' && part !== '') text = text === undefined ? part : text + part;
      }
      if (Array.isArray(calls) && calls.length > 0) toolCall = true;
      if (typeof reason === 'string') (reasons ??= []).push(reason);
    }
  }
  const counted = usage ?? loose(groq).usage;
  return {
    id: value.id,
    model: value.model,
    fingerprint: value.system_fingerprint,
    serviceTier: value.service_tier,
    text,
    toolCall,
    finishReasons: reasons,
    ...(counted === undefined || counted === null ? undefined : readUsage(loose(counted))),
  };
}

function readUsage(usage: Loose): Said {
  const input = loose(usage.prompt_tokens_details);
  const output = loose(usage.completion_tokens_details);
  return {
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    cacheReadTokens: input.cached_tokens,
    reasoningTokens: output.reasoning_tokens,
    queueSeconds: usage.queue_time,
  };
}

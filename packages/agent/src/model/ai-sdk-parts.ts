import { loose, textOf } from './said.ts';
import type { Loose, Said } from './said.ts';

/**
 * Returns what a part of a stream of a language model of the AI SDK says, of its versions 2 to 4.
 * https://ai-sdk.dev/docs/reference/ai-sdk-core/language-model-v3
 */
export function readStreamPart(part: Loose): Said | undefined {
  switch (part.type) {
    case 'text-delta':
    case 'reasoning-delta':
      return { text: textOf(part.delta) ?? textOf(part.textDelta) };
    case 'tool-input-delta':
    case 'tool-call':
      return { toolCall: true };
    case 'response-metadata':
      return { id: part.id, model: part.modelId };
    case 'error':
      return { error: part.error };
    case 'finish':
      return { finishReasons: reasonsOf(part.finishReason), ...readUsage(part.usage) };
    default:
      return undefined;
  }
}

/** Returns what `doGenerate` of a language model of the AI SDK came back with. */
export function readGenerated(result: Loose): Said {
  const { content, finishReason, usage, response } = result;
  const parts = Array.isArray(content) ? (content as unknown[]).map(loose) : [];
  const text = parts.map((part) => (part.type === 'text' ? textOf(part.text) : undefined) ?? '').join('');
  return {
    id: loose(response).id,
    model: loose(response).modelId,
    finishReasons: reasonsOf(finishReason),
    text: text === '' ? undefined : text,
    toolCall: parts.some(({ type }) => type === 'tool-call'),
    ...readUsage(usage),
  };
}

// A word, or since version 3 what the SDK calls it beside what the provider does.
function reasonsOf(reason: unknown): readonly unknown[] | undefined {
  const word = typeof reason === 'string' ? reason : loose(reason).unified;
  return word === undefined ? undefined : [word];
}

// Numbers, or since version 3 one for each kind of token.
function readUsage(value: unknown): Said {
  const { inputTokens: input, outputTokens: output, cachedInputTokens, reasoningTokens } = loose(value);
  return {
    inputTokens: typeof input === 'number' ? input : loose(input).total,
    outputTokens: typeof output === 'number' ? output : loose(output).total,
    cacheReadTokens: cachedInputTokens ?? loose(input).cacheRead,
    cacheWriteTokens: loose(input).cacheWrite,
    reasoningTokens: reasoningTokens ?? loose(output).reasoning,
  };
}

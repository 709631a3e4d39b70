import { loose, textOf } from './said.ts';
import type { Loose, Said } from './said.ts';

/**
 * Returns what an event of a stream of Responses says.
 * https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function readResponseEvent(event: Loose): Said | undefined {
  const { type, delta, response } = event;
  if (type === 'response.output_text.delta' || type === 'response.refusal.delta') return { text: textOf(delta) };
  if (type === 'response.function_call_arguments.delta') return { toolCall: true };
  return response === undefined ? undefined : readResponse(loose(response));
}

/** Returns what a whole answer of Responses says. https://platform.openai.com/docs/api-reference/responses/object */
export function readResponse(response: Loose): Said {
  const { status, incomplete_details: incomplete, output, usage, error } = response;
  const input = loose(loose(usage).input_tokens_details);
  const generated = loose(loose(usage).output_tokens_details);
  const items = Array.isArray(output) ? (output as unknown[]).map(loose) : [];
  const toolCall = items.some((item) => typeof item.type === 'string' && item.type.endsWith('_call'));
  return {
    id: response.id,
    model: response.model,
    serviceTier: response.service_tier,
    error: status === 'failed' ? (error ?? 'failed') : undefined,
    finishReasons: finishReason(status, loose(incomplete).reason, toolCall),
    inputTokens: loose(usage).input_tokens,
    outputTokens: loose(usage).output_tokens,
    cacheReadTokens: input.cached_tokens,
    reasoningTokens: generated.reasoning_tokens,
    text: items.length === 0 ? undefined : outputText(items),
    toolCall,
  };
}

// It has none of its own: it ended well, or says why it is not complete.
function finishReason(status: unknown, incomplete: unknown, toolCall: boolean): readonly string[] | undefined {
  if (status === 'completed') return [toolCall ? 'tool_calls' : 'stop'];
  if (status === 'incomplete') return [textOf(incomplete) ?? 'incomplete'];
  return status === 'failed' || status === 'cancelled' ? ['error'] : undefined;
}

function outputText(items: readonly Loose[]): string {
  const parts = items.flatMap(({ content }) => (Array.isArray(content) ? (content as unknown[]).map(loose) : []));
  return parts.map(({ text, refusal }) => textOf(text) ?? textOf(refusal) ?? '').join('');
}

import { loose, textOf } from './said.ts';
import type { Loose, Said } from './said.ts';

/**
 * Returns what an event of a stream of Messages says, or a whole message.
 * https://docs.anthropic.com/en/api/messages-streaming
 */
export function readMessageEvent(event: Loose): Said | undefined {
  switch (event.type) {
    case 'message':
      return readMessage(event);
    case 'message_start':
      return readMessage(loose(event.message));
    case 'content_block_start':
      return loose(event.content_block).type === 'tool_use' ? { toolCall: true } : undefined;
    case 'content_block_delta': {
      const { text, thinking, partial_json: json } = loose(event.delta);
      if (json !== undefined) return { toolCall: true };
      return { text: textOf(text) ?? textOf(thinking) };
    }
    case 'message_delta': {
      const reason = loose(event.delta).stop_reason;
      return {
        finishReasons: reason === undefined || reason === null ? undefined : [reason],
        ...readUsage(event.usage),
      };
    }
    default:
      return undefined;
  }
}

function readMessage(message: Loose): Said {
  const { content, stop_reason: reason } = message;
  const blocks = Array.isArray(content) ? (content as unknown[]).map(loose) : [];
  const text = blocks.map((block) => textOf(block.text) ?? '').join('');
  return {
    id: message.id,
    model: message.model,
    finishReasons: reason === undefined || reason === null ? undefined : [reason],
    text: text === '' ? undefined : text,
    toolCall: blocks.some(({ type }) => type === 'tool_use' || type === 'server_tool_use'),
    ...readUsage(message.usage),
  };
}

// Its input does not count what the cache had, and the conventions' does.
function readUsage(value: unknown): Said {
  const usage = loose(value);
  const { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written } = usage;
  const counts = [fresh, read, written].filter((count) => typeof count === 'number');
  return {
    inputTokens: typeof fresh === 'number' ? counts.reduce((sum, count) => sum + count, 0) : undefined,
    outputTokens: usage.output_tokens,
    cacheReadTokens: read,
    cacheWriteTokens: written,
  };
}

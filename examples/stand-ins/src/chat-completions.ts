/** OpenAI's chat completions, as far as agent frameworks use them. */
import { randomUUID } from 'node:crypto';
import type { Conversation, Item, Move, ToolMove } from './conversation.ts';

interface ChatRequest {
  readonly messages?: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
}

export function chatConversation(body: ChatRequest): Conversation {
  const items: Item[] = [];
  for (const message of body.messages ?? []) {
    const text = textOf(message.content);
    if (message.role === 'user') items.push({ kind: 'user', text });
    if (message.role === 'tool') items.push({ kind: 'result', id: message.tool_call_id ?? '', text });
    for (const call of message.tool_calls ?? []) items.push({ kind: 'call', id: call.id, tool: call.function.name });
  }
  return { items, tools: (body.tools ?? []).map((tool) => tool.function.name) };
}

export function chatAnswer(move: Move): object {
  const message =
    move.tool === undefined
      ? { role: 'assistant', content: move.text }
      : { role: 'assistant', content: null, tool_calls: [toolCall(move)] };
  const choice = { index: 0, message, finish_reason: finishReason(move), logprobs: null };
  return { ...envelope('chat.completion'), choices: [choice], usage };
}

export function* chatChunks(move: Move): Generator<object> {
  const chunk = { ...envelope('chat.completion.chunk'), choices: [] as object[] };
  const delta = (content: object, finish: string | null = null): object => ({
    ...chunk,
    choices: [{ index: 0, delta: content, finish_reason: finish }],
  });
  yield delta({ role: 'assistant', content: '' });
  if (move.tool === undefined) for (const word of move.text.split(/(?<= )/)) yield delta({ content: word });
  else yield delta({ tool_calls: [{ index: 0, ...toolCall(move) }] });
  yield delta({}, finishReason(move));
  yield { ...chunk, usage };
}

function toolCall({ tool, input }: ToolMove): object {
  const call = { name: tool, arguments: JSON.stringify(input) };
  return { id: `call_${randomUUID()}`, type: 'function', function: call };
}

function finishReason(move: Move): string {
  return move.tool === undefined ? 'stop' : 'tool_calls';
}

function envelope(object: string): object {
  return { id: `chatcmpl-${randomUUID()}`, object, created: Math.floor(Date.now() / 1000), model: 'stand-in-1' };
}

const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };

/** Returns the text of a message's content, which is a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { readonly text?: unknown }) => (typeof part.text === 'string' ? part.text : '')).join('');
}

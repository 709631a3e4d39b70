/** OpenAI's responses, as far as agent frameworks use them. */
import { randomUUID } from 'node:crypto';
import { textOf } from './chat-completions.ts';
import type { Conversation, Item, Move } from './conversation.ts';

interface ResponsesRequest {
  readonly input?: string | readonly InputItem[];
  readonly tools?: readonly { readonly name?: string }[];
}

interface InputItem {
  readonly type?: string;
  readonly role?: string;
  readonly content?: unknown;
  readonly call_id?: string;
  readonly name?: string;
  readonly output?: unknown;
}

export function responsesConversation({ input = [], tools = [] }: ResponsesRequest): Conversation {
  const items: Item[] = [];
  for (const item of typeof input === 'string' ? [{ role: 'user', content: input }] : input) {
    const id = item.call_id ?? '';
    if (item.role === 'user') items.push({ kind: 'user', text: textOf(item.content) });
    if (item.type === 'function_call') items.push({ kind: 'call', id, tool: item.name ?? '' });
    if (item.type === 'function_call_output') items.push({ kind: 'result', id, text: textOf(item.output) });
  }
  return { items, tools: tools.map(({ name }) => name ?? '') };
}

export function responsesAnswer(move: Move): object {
  return { ...envelope(), status: 'completed', output: [outputOf(move)], usage };
}

export function* responsesEvents(move: Move): Generator<object> {
  let sequence = 0;
  const event = (type: string, more: object): object => ({ type, sequence_number: sequence++, ...more });
  const response = envelope();
  const begun = { ...response, status: 'in_progress', output: [], usage: null };
  const item = outputOf(move);
  const at = { output_index: 0, item_id: item.id };
  yield event('response.created', { response: begun });
  yield event('response.in_progress', { response: begun });
  if (move.tool === undefined) {
    const part = { ...at, content_index: 0 };
    yield event('response.output_item.added', {
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    });
    yield event('response.content_part.added', { ...part, part: { type: 'output_text', text: '', annotations: [] } });
    for (const word of move.text.split(/(?<= )/)) {
      yield event('response.output_text.delta', { ...part, delta: word, logprobs: [] });
    }
    yield event('response.output_text.done', { ...part, text: move.text, logprobs: [] });
    yield event('response.content_part.done', { ...part, part: textPart(move.text) });
  } else {
    const text = JSON.stringify(move.input);
    yield event('response.output_item.added', {
      output_index: 0,
      item: { ...item, status: 'in_progress', arguments: '' },
    });
    yield event('response.function_call_arguments.delta', { ...at, delta: text });
    yield event('response.function_call_arguments.done', { ...at, name: move.tool, arguments: text });
  }
  yield event('response.output_item.done', { output_index: 0, item });
  yield event('response.completed', { response: { ...response, status: 'completed', output: [item], usage } });
}

function outputOf(move: Move): { readonly id: string } {
  if (move.tool === undefined) {
    const content = [textPart(move.text)];
    return { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', status: 'completed', content } as {
      id: string;
    };
  }
  const call = { call_id: `call_${randomUUID()}`, name: move.tool, arguments: JSON.stringify(move.input) };
  return { id: `fc_${randomUUID()}`, type: 'function_call', status: 'completed', ...call } as { id: string };
}

function textPart(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function envelope(): object {
  return {
    id: `resp_${randomUUID()}`,
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    model: 'stand-in-1',
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
  };
}

const usage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 10,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 30,
};

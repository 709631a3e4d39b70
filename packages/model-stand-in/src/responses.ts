/** OpenAI's responses: https://platform.openai.com/docs/api-reference/responses */
import { randomUUID } from 'node:crypto';
import type { Answer } from './answer.ts';
import type { Usage } from './behaviour.ts';
import { saidBy, textOf } from './conversation.ts';
import type { Item } from './conversation.ts';
import { listOf, textIn } from './json.ts';
import type { JsonObject } from './json.ts';
import { openai } from './openai.ts';
import { whole } from './parts.ts';
import type { Part } from './parts.ts';
import { automaticPrompt } from './prompt.ts';
import { typedEvent } from './wire-format.ts';
import type { ServerEvent, WireFormat } from './wire-format.ts';

export const responses: WireFormat = {
  name: 'responses',
  path: '/v1/responses',
  provider: openai,
  idPrefix: 'resp_',
  textEvent: 'response.output_text.delta',
  faultOf: ({ input }) =>
    typeof input === 'string' || Array.isArray(input) ? undefined : "Missing required parameter: 'input'.",
  conversation: (body) => ({
    items: [...saidBy('system', textIn(body, 'instructions')), ...inputOf(body).flatMap(itemOf)],
    tools: listOf(body['tools']).map((tool) => textIn(tool, 'name')),
  }),
  prompt: (body) => automaticPrompt([...listOf(body['tools']), textIn(body, 'instructions'), ...inputOf(body)]),
  body: (answer, request) => {
    const items = answer.parts.map((part) => outputItem(part, answer));
    return { ...envelope(answer, request), ...ended(answer, items) };
  },
  stream: (answer, request) => {
    let sequence = 0;
    const event: Event = (type, more) => typedEvent({ type, sequence_number: sequence++, ...more });
    const response = envelope(answer, request);
    const begun = { ...response, status: 'in_progress', output: [], usage: null };
    const opening = [
      event('response.created', { response: begun }),
      event('response.in_progress', { response: begun }),
    ];
    const items = answer.parts.map((part) => outputItem(part, answer));
    const chunks = answer.parts.flatMap((part, index) => partEvents(part, items[index] ?? {}, index, event));
    const last = `response.${answerStatus(answer)}`;
    return { opening, chunks, ending: [event(last, { response: { ...response, ...ended(answer, items) } })] };
  },
};

type Event = (type: string, more: object) => ServerEvent;

function inputOf(body: JsonObject): JsonObject[] {
  const input = body['input'];
  return typeof input === 'string' ? [{ role: 'user', content: input }] : listOf(input);
}

function itemOf(item: JsonObject): Item[] {
  const id = textIn(item, 'call_id');
  if (item['type'] === 'function_call') return [{ kind: 'call', id, tool: textIn(item, 'name') }];
  if (item['type'] === 'function_call_output') return [{ kind: 'result', id, text: textOf(item['output']) }];
  return saidBy(textIn(item, 'role'), textOf(item['content']));
}

/** Returns the events of each chunk of a part; those that open it are with the first, those that close it with the last. */
function partEvents(part: Part, item: JsonObject, index: number, event: Event): ServerEvent[][] {
  const at = { output_index: index, item_id: item['id'] };
  const text = whole(part);
  const added = event('response.output_item.added', {
    output_index: index,
    item: { ...item, status: 'in_progress', ...(part.kind === 'tool' ? { arguments: '' } : { content: [] }) },
  });
  if (part.kind === 'tool') {
    const chunks = part.chunks.map((delta) => [event('response.function_call_arguments.delta', { ...at, delta })]);
    const done = event('response.function_call_arguments.done', { ...at, name: part.name, arguments: text });
    return enclosed([added], chunks, [done, event('response.output_item.done', { output_index: index, item })]);
  }
  const inside = { ...at, content_index: 0 };
  const [kind, rest] = part.kind === 'text' ? ['output_text', { logprobs: [] }] : ['refusal', {}];
  const opened = [added, event('response.content_part.added', { ...inside, part: contentOf(part, '') })];
  const chunks = part.chunks.map((delta) => [event(`response.${kind}.delta`, { ...inside, delta, ...rest })]);
  const closed = [
    event(`response.${kind}.done`, { ...inside, [part.kind]: text, ...rest }),
    event('response.content_part.done', { ...inside, part: contentOf(part, text) }),
    event('response.output_item.done', { output_index: index, item }),
  ];
  return enclosed(opened, chunks, closed);
}

function enclosed(opened: ServerEvent[], chunks: ServerEvent[][], closed: ServerEvent[]): ServerEvent[][] {
  const last = chunks.length - 1;
  return chunks.map((events, at) => [...(at === 0 ? opened : []), ...events, ...(at === last ? closed : [])]);
}

function outputItem(part: Part, answer: Answer): JsonObject {
  const id = randomUUID().replaceAll('-', '');
  const status = answerStatus(answer);
  if (part.kind !== 'tool') {
    const content = [contentOf(part, whole(part))];
    return { id: `msg_${id}`, type: 'message', role: 'assistant', status, content };
  }
  const call = { call_id: `call_${part.id}`, name: part.name, arguments: whole(part) };
  return { id: `fc_${id}`, type: 'function_call', status, ...call };
}

function contentOf(part: Part, text: string): object {
  return part.kind === 'refusal'
    ? { type: 'refusal', refusal: text }
    : { type: 'output_text', text, annotations: [], logprobs: [] };
}

function answerStatus({ finishReason }: Answer): 'completed' | 'incomplete' {
  return finishReason === 'length' || finishReason === 'content_filter' ? 'incomplete' : 'completed';
}

function ended(answer: Answer, output: readonly object[]): object {
  const status = answerStatus(answer);
  const reason = answer.finishReason === 'length' ? 'max_output_tokens' : 'content_filter';
  return {
    status,
    output,
    incomplete_details: status === 'incomplete' ? { reason } : null,
    usage: answer.usage === undefined ? null : usageOf(answer.usage),
  };
}

function envelope({ id, created, model, serviceTier }: Answer, request: JsonObject): JsonObject {
  return {
    id,
    object: 'response',
    created_at: created,
    model,
    error: null,
    incomplete_details: null,
    instructions: request['instructions'] ?? null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: request['previous_response_id'] ?? null,
    service_tier: serviceTier ?? 'default',
    temperature: 1,
    tool_choice: 'auto',
    tools: request['tools'] ?? [],
    top_p: 1,
  };
}

function usageOf({ input, cached, cacheWrite, output, reasoning }: Usage): object {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWrite },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

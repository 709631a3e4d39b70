/** Anthropic's messages: https://docs.anthropic.com/en/api/messages */
import type { Answer } from './answer.ts';
import type { Usage } from './behaviour.ts';
import { anthropic } from './anthropic.ts';
import type { FinishReason } from './behaviour.ts';
import { saidBy, textOf } from './conversation.ts';
import type { Item } from './conversation.ts';
import { listOf, parseObject, textIn } from './json.ts';
import type { JsonObject } from './json.ts';
import { whole } from './parts.ts';
import type { Part } from './parts.ts';
import { markedPrompt } from './prompt.ts';
import { typedEvent } from './wire-format.ts';
import type { ServerEvent, WireFormat } from './wire-format.ts';

export const messages: WireFormat = {
  name: 'messages',
  path: '/v1/messages',
  provider: anthropic,
  idPrefix: 'msg_',
  textEvent: 'content_block_delta',
  faultOf: ({ messages, max_tokens }) => {
    if (!Array.isArray(messages)) return 'messages: Field required';
    return typeof max_tokens === 'number' ? undefined : 'max_tokens: Field required';
  },
  conversation: (body) => ({
    items: [...saidBy('system', textOf(body['system'])), ...listOf(body['messages']).flatMap(itemsOf)],
    tools: listOf(body['tools']).map((tool) => textIn(tool, 'name')),
  }),
  prompt: (body) => {
    const system = typeof body['system'] === 'string' ? [body['system']] : listOf(body['system']);
    return markedPrompt([...listOf(body['tools']), ...system, ...listOf(body['messages']).flatMap(pieces)], body);
  },
  body: (answer) => ({
    ...envelope(answer),
    content: answer.parts.map(contentBlock),
    ...stopped(answer),
    ...(answer.usage && { usage: usageOf(answer.usage, answer.serviceTier) }),
  }),
  stream: (answer) => {
    const { usage } = answer;
    // Only one token is written when a stream begins.
    const begun = usage && { usage: usageOf({ ...usage, output: 1, reasoning: 0 }, answer.serviceTier) };
    const message = { ...envelope(answer), content: [], stop_reason: null, stop_sequence: null, stop_details: null };
    const delta = { type: 'message_delta', delta: { ...stopped(answer), container: null } };
    return {
      opening: [typedEvent({ type: 'message_start', message: { ...message, ...begun } }), typedEvent({ type: 'ping' })],
      chunks: answer.parts.flatMap(blockEvents),
      ending: [
        typedEvent(usage === undefined ? delta : { ...delta, usage: endUsage(usage) }),
        typedEvent({ type: 'message_stop' }),
      ],
    };
  },
};

/** Returns the events of each chunk of a part; the block is opened with the first, and closed with the last. */
function blockEvents(part: Part, index: number): ServerEvent[][] {
  const block = part.kind === 'tool' ? { ...toolBlock(part), input: {} } : { type: 'text', text: '' };
  const last = part.chunks.length - 1;
  return part.chunks.map((text, at) => {
    const delta =
      part.kind === 'tool' ? { type: 'input_json_delta', partial_json: text } : { type: 'text_delta', text };
    const events = [typedEvent({ type: 'content_block_delta', index, delta })];
    if (at === 0) events.unshift(typedEvent({ type: 'content_block_start', index, content_block: block }));
    if (at === last) events.push(typedEvent({ type: 'content_block_stop', index }));
    return events;
  });
}

function contentBlock(part: Part): object {
  if (part.kind !== 'tool') return { type: 'text', text: whole(part), citations: null };
  return { ...toolBlock(part), input: parseObject(whole(part)) ?? {} };
}

function toolBlock({ id, name }: Part & { readonly kind: 'tool' }): object {
  return { type: 'tool_use', id: `toolu_${id}`, name, caller: { type: 'direct' } };
}

function itemsOf(message: JsonObject): Item[] {
  const role = textIn(message, 'role');
  return blocksOf(message).flatMap((block): Item[] => {
    if (block['type'] === 'text') return saidBy(role, textIn(block, 'text'));
    if (block['type'] === 'tool_use') return [{ kind: 'call', id: textIn(block, 'id'), tool: textIn(block, 'name') }];
    if (block['type'] !== 'tool_result') return [];
    return [{ kind: 'result', id: textIn(block, 'tool_use_id'), text: textOf(block['content']) }];
  });
}

// The mark for the cache is on one block of a message, so each is a piece of the prompt.
function pieces(message: JsonObject): object[] {
  return blocksOf(message).map((block) => ({ role: message['role'], ...block }));
}

function blocksOf({ content }: JsonObject): JsonObject[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content);
}

const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  content_filter: 'refusal',
  tool_calls: 'tool_use',
};

function stopped({ parts, finishReason }: Answer): object {
  const refused = parts.some(({ kind }) => kind === 'refusal');
  const reason = refused ? 'refusal' : STOP_REASONS[finishReason];
  const details = { type: 'refusal', category: null, explanation: null };
  return { stop_reason: reason, stop_sequence: null, stop_details: reason === 'refusal' ? details : null };
}

function envelope({ id, model }: Answer): object {
  return { id, type: 'message', role: 'assistant', model, container: null, diagnostics: null };
}

// Anthropic's input is without what the cache gave and took: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
function endUsage({ input, cached, cacheWrite, output, reasoning }: Usage): object {
  return {
    input_tokens: input - cached - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cached,
    output_tokens: output,
    output_tokens_details: reasoning === 0 ? null : { thinking_tokens: reasoning },
    server_tool_use: null,
  };
}

function usageOf(usage: Usage, serviceTier = 'standard'): object {
  return {
    ...endUsage(usage),
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheWrite, ephemeral_1h_input_tokens: 0 },
    inference_geo: null,
    service_tier: serviceTier,
    speed: null,
  };
}

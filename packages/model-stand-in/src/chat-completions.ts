/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat */
import type { Answer } from './answer.ts';
import type { Usage } from './behaviour.ts';
import { saidBy, textOf } from './conversation.ts';
import { listOf, objectOf, textIn } from './json.ts';
import type { JsonObject } from './json.ts';
import { openai } from './openai.ts';
import { whole } from './parts.ts';
import type { Part, ToolPart } from './parts.ts';
import { automaticPrompt } from './prompt.ts';
import type { ServerEvent, WireFormat } from './wire-format.ts';

export const chatCompletions: WireFormat = {
  name: 'chat-completions',
  path: '/v1/chat/completions',
  provider: openai,
  idPrefix: 'chatcmpl-',
  textEvent: undefined,
  faultOf: ({ messages }) => (Array.isArray(messages) ? undefined : "Missing required parameter: 'messages'."),
  conversation: (body) => ({
    items: listOf(body['messages']).flatMap((message) => {
      const text = textOf(message['content']);
      const role = textIn(message, 'role');
      const calls = listOf(message['tool_calls']).map((call) => {
        return { kind: 'call', id: textIn(call, 'id'), tool: textIn(objectOf(call['function']), 'name') } as const;
      });
      if (role === 'tool') return [{ kind: 'result', id: textIn(message, 'tool_call_id'), text } as const];
      return [...saidBy(role, text), ...calls];
    }),
    tools: listOf(body['tools']).map((tool) => textIn(objectOf(tool['function']), 'name')),
  }),
  prompt: (body) => automaticPrompt([...listOf(body['tools']), ...listOf(body['messages'])]),
  body: (answer) => {
    const tools = toolsOf(answer).map(toolCall);
    const message = {
      role: 'assistant',
      content: said(answer, 'text'),
      refusal: said(answer, 'refusal'),
      annotations: [],
      ...(tools.length > 0 && { tool_calls: tools }),
    };
    return {
      ...envelope(answer, 'chat.completion'),
      choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finishReason }],
      ...(answer.usage && { usage: { ...usageOf(answer.usage), ...groqTimes(answer) } }),
      ...(answer.report.queueMs !== undefined && { x_groq: { id: answer.id } }),
    };
  },
  stream: (answer, request) => {
    const asked = objectOf(request['stream_options'])['include_usage'] === true && answer.usage !== undefined;
    // The provider says in every chunk that there is a usage to come.
    const chunk = { ...envelope(answer, 'chat.completion.chunk'), ...(asked && { usage: null }) };
    const delta = (delta: object, finish: string | null = null, more: object = {}): ServerEvent => ({
      data: { ...chunk, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], ...more },
    });
    const groq = answer.report.queueMs !== undefined && {
      x_groq: { id: answer.id, usage: { ...(answer.usage && usageOf(answer.usage)), ...groqTimes(answer) } },
    };
    const usage = asked && answer.usage ? [{ data: { ...chunk, choices: [], usage: usageOf(answer.usage) } }] : [];
    const tools = toolsOf(answer);
    return {
      opening: [delta({ role: 'assistant', content: answer.parts[0]?.kind === 'text' ? '' : null, refusal: null })],
      chunks: answer.parts.flatMap((part) => deltas(part, tools).map((events) => events.map((event) => delta(event)))),
      ending: [delta({}, answer.finishReason, groq || {}), ...usage, { data: '[DONE]' }],
    };
  },
};

function deltas(part: Part, tools: readonly ToolPart[]): object[][] {
  if (part.kind !== 'tool')
    return part.chunks.map((said) => [part.kind === 'text' ? { content: said } : { refusal: said }]);
  const index = tools.indexOf(part);
  const named = { index, ...toolCall({ ...part, chunks: [] }) };
  return part.chunks.map((text, at) => {
    const piece = { tool_calls: [{ index, function: { arguments: text } }] };
    return at === 0 ? [{ tool_calls: [named] }, piece] : [piece];
  });
}

function toolCall(part: ToolPart): object {
  return { id: `call_${part.id}`, type: 'function', function: { name: part.name, arguments: whole(part) } };
}

function toolsOf({ parts }: Answer): ToolPart[] {
  return parts.filter((part) => part.kind === 'tool');
}

function said({ parts }: Answer, kind: 'text' | 'refusal'): string | null {
  const part = parts.find((part) => part.kind === kind);
  return part === undefined ? null : whole(part);
}

function envelope({ id, created, model, systemFingerprint, serviceTier }: Answer, object: string): JsonObject {
  const tier = serviceTier === undefined ? {} : { service_tier: serviceTier };
  return { id, object, created, model, system_fingerprint: systemFingerprint, ...tier };
}

function usageOf({ input, cached, cacheWrite, output, reasoning }: Usage): object {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWrite, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

// In seconds, as Groq has them.
function groqTimes({ report: { queueMs } }: Answer): object {
  return queueMs === undefined ? {} : { queue_time: queueMs / 1000 };
}

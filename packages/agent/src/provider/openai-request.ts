import { CHAT } from '../conventions.ts';
import type { CallRequest } from '../model/request.ts';
import { loose } from '../model/said.ts';
import type { Loose } from '../model/said.ts';
import { textIn } from '../step.ts';
import { numberIn, outputTypeIn, textsIn } from './parameters.ts';

/** https://platform.openai.com/docs/api-reference/chat/create */
export function chatRequest(body: Loose): CallRequest {
  return {
    ...sampling(body),
    operation: CHAT,
    maxTokens: numberIn(body.max_completion_tokens ?? body.max_tokens),
    reasoningLevel: textIn(body.reasoning_effort),
    outputType: outputTypeIn(loose(body.response_format).type),
    messages: body.messages,
  };
}

/** https://platform.openai.com/docs/api-reference/responses/create */
export function responseRequest(body: Loose): CallRequest {
  const { conversation } = body;
  return {
    ...sampling(body),
    operation: CHAT,
    maxTokens: numberIn(body.max_output_tokens),
    reasoningLevel: textIn(loose(body.reasoning).effort),
    outputType: outputTypeIn(loose(loose(body.text).format).type),
    previousResponseId: textIn(body.previous_response_id),
    conversationId: textIn(conversation) ?? textIn(loose(conversation).id),
    messages: body.input,
    instructions: body.instructions,
  };
}

/** https://platform.openai.com/docs/api-reference/completions/create */
export function completionRequest(body: Loose): CallRequest {
  return {
    ...sampling(body),
    operation: 'text_completion',
    maxTokens: numberIn(body.max_tokens),
    messages: body.prompt,
  };
}

/** https://platform.openai.com/docs/api-reference/embeddings/create */
export function embeddingsRequest(body: Loose): CallRequest {
  return { model: textIn(body.model), operation: 'embeddings', messages: body.input };
}

function sampling(body: Loose): CallRequest {
  return {
    model: textIn(body.model),
    stream: body.stream === true,
    choiceCount: numberIn(body.n),
    temperature: numberIn(body.temperature),
    topP: numberIn(body.top_p),
    seed: numberIn(body.seed),
    stopSequences: textsIn(body.stop),
    frequencyPenalty: numberIn(body.frequency_penalty),
    presencePenalty: numberIn(body.presence_penalty),
  };
}

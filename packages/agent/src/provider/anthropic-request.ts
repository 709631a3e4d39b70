import { CHAT } from '../conventions.ts';
import type { CallRequest } from '../model/request.ts';
import { loose } from '../model/said.ts';
import type { Loose } from '../model/said.ts';
import { textIn } from '../step.ts';
import { numberIn, outputTypeIn, textsIn } from './parameters.ts';

/** https://docs.anthropic.com/en/api/messages */
export function messageRequest(body: Loose): CallRequest {
  const config = loose(body.output_config);
  return {
    model: textIn(body.model),
    operation: CHAT,
    stream: body.stream === true,
    maxTokens: numberIn(body.max_tokens),
    temperature: numberIn(body.temperature),
    topP: numberIn(body.top_p),
    topK: numberIn(body.top_k),
    stopSequences: textsIn(body.stop_sequences),
    reasoningLevel: textIn(config.effort),
    outputType: outputTypeIn(loose(config.format ?? body.output_format).type),
    messages: body.messages,
    instructions: body.system,
  };
}

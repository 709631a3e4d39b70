import { CHAT } from '../conventions.ts';
import type { CallRequest } from '../model/request.ts';
import { loose } from '../model/said.ts';
import type { Loose } from '../model/said.ts';
import { textIn } from '../step.ts';
import { numberIn, outputTypeIn, textsIn } from './parameters.ts';

/** https://ai-sdk.dev/providers/community-providers/custom-providers: what `doGenerate` and `doStream` are given. */
export function languageRequest(params: Loose, model: Loose, stream: boolean): CallRequest {
  const { reasoning, prompt } = params;
  const [system, messages] = splitPrompt(prompt);
  return {
    model: textIn(model.modelId),
    provider: providerOf(textIn(model.provider)),
    operation: CHAT,
    stream,
    maxTokens: numberIn(params.maxOutputTokens),
    temperature: numberIn(params.temperature),
    topP: numberIn(params.topP),
    topK: numberIn(params.topK),
    seed: numberIn(params.seed),
    stopSequences: textsIn(params.stopSequences),
    frequencyPenalty: numberIn(params.frequencyPenalty),
    presencePenalty: numberIn(params.presencePenalty),
    reasoningLevel: reasoning === 'provider-default' ? undefined : textIn(reasoning),
    outputType: outputTypeIn(loose(params.responseFormat).type),
    messages,
    instructions: system,
  };
}

/** What `doEmbed` is given. */
export function embedRequest(params: Loose, model: Loose): CallRequest {
  return {
    model: textIn(model.modelId),
    provider: providerOf(textIn(model.provider)),
    operation: 'embeddings',
    messages: params.values,
  };
}

function splitPrompt(prompt: unknown): readonly [system: unknown, messages: unknown] {
  if (!Array.isArray(prompt)) return [undefined, prompt];
  const [first, ...rest] = prompt as unknown[];
  return loose(first).role === 'system' ? [loose(first).content, rest] : [undefined, prompt];
}

// How the SDK's providers call themselves at the start: `openai.chat`, `google.vertex.chat`.
const PROVIDERS = [
  ['google.vertex', 'gcp.vertex_ai'],
  ['google', 'gcp.gemini'],
  ['vertex', 'gcp.vertex_ai'],
  ['azure', 'azure.ai.openai'],
  ['amazon-bedrock', 'aws.bedrock'],
  ['bedrock', 'aws.bedrock'],
  ['mistral', 'mistral_ai'],
  ['xai', 'x_ai'],
] as const;

/** Returns the provider as the conventions name it: without the SDK's name of the API after it. */
function providerOf(named: string | undefined): string | undefined {
  if (named === undefined) return undefined;
  const known = PROVIDERS.find(([start]) => named === start || named.startsWith(`${start}.`));
  return known?.[1] ?? named.split('.', 1)[0];
}

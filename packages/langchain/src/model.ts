import type { ModelAnswer } from '@throughline/agent';

/** Returns what a chat model of LangChain says of itself; it is the user's object, or a name. */
export function modelOf(model: unknown): { readonly name?: string; readonly provider?: string } {
  if (typeof model === 'string') return { name: model };
  if (typeof model !== 'object' || model === null) return {};
  try {
    const { model: name, modelName, getLsParams } = model as Record<string, unknown>;
    const params: unknown = typeof getLsParams === 'function' ? Reflect.apply(getLsParams, model, [{}]) : undefined;
    const { ls_provider: provider, ls_model_name: told } = (params ?? {}) as Record<string, unknown>;
    const known = [name, modelName, told].find((value) => typeof value === 'string');
    return {
      ...(typeof known === 'string' ? { name: known } : undefined),
      ...(typeof provider === 'string' ? { provider } : undefined),
    };
  } catch {
    // A getter of a model of somebody's own.
    return {};
  }
}

/** Returns what an answer of a chat model, which is a message, says of itself. */
export function answerOf(answer: unknown): ModelAnswer {
  if (typeof answer !== 'object' || answer === null) return {};
  const { id, usage_metadata: usage, response_metadata: metadata } = answer as Record<string, unknown>;
  const { input_tokens: inputTokens, output_tokens: outputTokens } = (usage ?? {}) as Record<string, unknown>;
  const { model_name: model, finish_reason: reason } = (metadata ?? {}) as Record<string, unknown>;
  return { id, model, finishReasons: [reason], inputTokens, outputTokens };
}

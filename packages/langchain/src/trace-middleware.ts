import { answerAttributes, modelStep, runStep, toolStep } from '@throughline/agent';
import type { ModelAnswer, StepOptions } from '@throughline/agent';
import { failureOf, tracerOf } from './scope.ts';
import { toolOutcome } from './tool-outcome.ts';

interface ToolRequest {
  readonly toolCall: { readonly name: string; readonly id?: string | undefined };
}

interface ModelRequest {
  readonly model: unknown;
}

/** What `createMiddleware` of `langchain` takes. */
export interface TraceMiddleware {
  readonly name: string;
  readonly wrapToolCall: <R extends ToolRequest, T>(request: R, handler: (request: R) => T) => T;
  readonly wrapModelCall: <R extends ModelRequest, T>(request: R, handler: (request: R) => T) => T;
}

/**
 * Returns the description of a middleware that gives each tool call an `execute_tool` span and each model call a `chat` span, both
 * active in what they run: what a tool sends is below it. Put it last in the list, nearest to the call, so that retries of other
 * middleware are a span each. Prompts, arguments and results go onto no span.
 *
 * @example
 * ```ts
 * createAgent({ model, tools, middleware: [createMiddleware(traceMiddleware())] });
 * ```
 */
export function traceMiddleware(options?: StepOptions): TraceMiddleware {
  const tracer = tracerOf(options);
  return {
    name: 'throughline',
    wrapToolCall: (request, handler) => {
      const { name, id } = request.toolCall;
      return runStep(toolStep(name, { callId: id }), tracer, () => handler(request), {
        outcome: toolOutcome,
        failure: failureOf,
      });
    },
    wrapModelCall: (request, handler) => {
      const { name, provider } = modelOf(request.model);
      return runStep(modelStep(name, { provider }), tracer, () => handler(request), {
        outcome: (answer) => ({ attributes: answerAttributes(answerOf(answer)) }),
        failure: failureOf,
      });
    },
  };
}

/** Returns what a chat model of LangChain says of itself; it is the user's object, or a name. */
function modelOf(model: unknown): { readonly name?: string; readonly provider?: string } {
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

function answerOf(answer: unknown): ModelAnswer {
  if (typeof answer !== 'object' || answer === null) return {};
  const { id, usage_metadata: usage, response_metadata: metadata } = answer as Record<string, unknown>;
  const { input_tokens: inputTokens, output_tokens: outputTokens } = (usage ?? {}) as Record<string, unknown>;
  const { model_name: model, finish_reason: reason } = (metadata ?? {}) as Record<string, unknown>;
  return { id, model, finishReasons: [reason], inputTokens, outputTokens };
}

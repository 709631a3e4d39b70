import { answerAttributes, modelStep, runStep, toolStep } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import { answerOf, modelOf } from './model.ts';
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
 * active in what they run: for tools and models that you cannot hand to {@link traceTool} and {@link traceModel}. LangChain treats errors
 * otherwise where any middleware has these hooks: what a tool throws ends the run, and what a model throws comes out in a
 * `MiddlewareError`. Put it last in the list, nearest to the call. Prompts, arguments and results go onto no span.
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

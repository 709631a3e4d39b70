import { runStep, toolStep } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import { ThroughlineError } from '@throughline/core';
import { replacing, viewOf, wrapped } from '@throughline/core/adapter';
import { failureOf, tracerOf } from './scope.ts';
import { toolOutcome } from './tool-outcome.ts';

/** What a tool of LangChain has. */
export interface ToolLike {
  readonly name: string;
  invoke(...args: never[]): Promise<unknown>;
}

/**
 * Returns a tool of the same type whose calls are `execute_tool` spans, active in what the tool runs: for a graph of your own, with a
 * `ToolNode`, which no middleware sees. Beside {@link traceMiddleware} a call has two. Throws a `ThroughlineError` for what is no tool.
 *
 * @example
 * ```ts
 * const tools = new ToolNode([search, read].map((tool) => traceTool(tool)));
 * ```
 */
export function traceTool<T extends ToolLike>(tool: T, options?: StepOptions): T {
  const target = tool as { name?: unknown; invoke?: unknown } | undefined;
  if (typeof target?.name !== 'string' || typeof target.invoke !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceTool` takes a tool of LangChain, such as `tool(fn, { name, schema })`.',
    );
  }
  if (wrapped(tool)) return tool;
  const tracer = tracerOf(options);
  const invoke = (input: unknown, ...rest: unknown[]): Promise<unknown> =>
    runStep(
      toolStep(tool.name, { callId: callIdOf(input) }),
      tracer,
      () => Reflect.apply(tool.invoke, tool, [input, ...rest] as never[]),
      { outcome: toolOutcome, failure: failureOf },
    );
  return viewOf(tool, replacing({ invoke }), { options: options ?? {} });
}

function callIdOf(input: unknown): string | undefined {
  const { type, id } = (input ?? {}) as { type?: unknown; id?: unknown };
  return type === 'tool_call' && typeof id === 'string' ? id : undefined;
}

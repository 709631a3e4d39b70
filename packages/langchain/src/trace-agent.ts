import { context as contextApi } from '@opentelemetry/api';
import { agentStep, startStep } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import { ThroughlineError } from '@throughline/core';
import { replacing, viewOf, whenSettled, wrapped } from '@throughline/core/adapter';
import { endsOfRun, withCallback } from './run-end.ts';
import type { RunConfig } from './run-end.ts';
import { failureOf, tracerOf } from './scope.ts';

/** What an agent of `createAgent` has, and a compiled graph. */
export interface AgentLike {
  invoke(input: never, config?: never): Promise<unknown>;
  stream(input: never, config?: never): Promise<unknown>;
}

/** The options of {@link traceAgent}. */
export interface TraceAgentOptions extends StepOptions {
  /** The agent's name: `gen_ai.agent.name`. Default: the one that it was made with. */
  readonly name?: string | undefined;
}

/**
 * Returns an agent, or a compiled graph, of the same type whose runs are `invoke_agent` spans, active in all that they run. The span of a
 * stream ends when the run does, whoever reads the stream and wherever. Throws a `ThroughlineError` for what is no agent.
 *
 * @example
 * ```ts
 * const agent = traceAgent(createAgent({ model, tools, name: 'planner' }));
 * ```
 */
export function traceAgent<A extends AgentLike>(agent: A, options?: TraceAgentOptions): A {
  const target = agent as Partial<AgentLike> | undefined;
  if (typeof target?.invoke !== 'function' || typeof target.stream !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceAgent` takes an agent, such as `createAgent({ model, tools })`, or a compiled graph.',
    );
  }
  if (wrapped(agent)) return agent;
  const tracer = tracerOf(options);
  const named = options?.name ?? nameOf(agent);
  const run = (method: 'invoke' | 'stream') => (input: unknown, config?: RunConfig) => {
    const open = startStep(agentStep(named, { conversationId: threadOf(config) }), tracer);
    return whenSettled(
      () =>
        contextApi.with(open.context, () =>
          Reflect.apply(agent[method] as Run, agent, [
            input,
            method === 'stream' ? withCallback(config, endsOfRun(open)) : config,
          ]),
        ),
      (failed, value) => {
        if (failed) open.end(failureOf(value));
        else if (method === 'invoke') open.end();
      },
    );
  };
  return viewOf(agent, replacing({ invoke: run('invoke'), stream: run('stream') }), { options: {} });
}

type Run = (input: unknown, config?: RunConfig) => Promise<unknown>;

function threadOf(config: RunConfig | undefined): string | undefined {
  const thread = config?.configurable?.thread_id;
  return typeof thread === 'string' ? thread : undefined;
}

function nameOf(agent: object): string | undefined {
  const { name, options } = agent as { name?: unknown; options?: { name?: unknown } };
  const known = options?.name ?? name;
  return typeof known === 'string' && known !== '' ? known : undefined;
}

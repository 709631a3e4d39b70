import { context as contextApi } from '@opentelemetry/api';
import { answerAttributes, modelStep, runStep, startStep } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import { ThroughlineError } from '@throughline/core';
import { replacing, viewOf, whenSettled, wrapped } from '@throughline/core/adapter';
import { answerOf, modelOf } from './model.ts';
import { endsOfRun, withCallback } from './run-end.ts';
import type { RunConfig } from './run-end.ts';
import { failureOf, tracerOf } from './scope.ts';

/** What a chat model of LangChain has. */
export interface ModelLike {
  invoke(input: never, options?: never): Promise<unknown>;
  stream(input: never, options?: never): Promise<unknown>;
}

/**
 * Returns a chat model of the same type whose calls are `chat` spans, active in what the model sends; so is what `bindTools`, `withConfig`
 * and `withStructuredOutput` make of it. Prompts and answers go onto no span. Throws a `ThroughlineError` for what is no model.
 *
 * @example
 * ```ts
 * createAgent({ model: traceModel(new ChatOpenAI({ model: 'gpt-9' })), tools });
 * ```
 */
export function traceModel<M extends ModelLike>(model: M, options?: StepOptions): M {
  if (!isModel(model)) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`traceModel` takes a chat model of LangChain, such as `new ChatOpenAI({ model: 'gpt-9' })`. Of the name of a model, make one first: `await initChatModel(name)`.",
    );
  }
  if (wrapped(model)) return model;
  const tracer = tracerOf(options);
  const step = (): ReturnType<typeof modelStep> => {
    const { name, provider } = modelOf(model);
    return modelStep(name, { provider });
  };
  const members: Record<string, unknown> = {
    invoke: (...args: never[]) =>
      runStep(step(), tracer, () => Reflect.apply(model.invoke, model, args) as Promise<unknown>, {
        outcome: (answer) => ({ attributes: answerAttributes(answerOf(answer)) }),
        failure: failureOf,
      }),
    stream: (input: unknown, config?: RunConfig) => {
      const open = startStep(step(), tracer);
      const ends = endsOfRun(open);
      return whenSettled(
        () =>
          contextApi.with(
            open.context,
            () =>
              Reflect.apply(model.stream, model, [input, withCallback(config, ends)] as never[]) as Promise<unknown>,
          ),
        (failed, value) => {
          if (failed) open.end(failureOf(value));
        },
      );
    },
  };
  for (const name of ['bindTools', 'withConfig', 'withStructuredOutput'] as const) {
    const method: unknown = (model as Partial<Record<typeof name, unknown>>)[name];
    if (typeof method !== 'function') continue;
    members[name] = (...args: unknown[]): unknown => {
      const made: unknown = Reflect.apply(method, model, args);
      return isModel(made) ? traceModel(made, options) : made;
    };
  }
  return viewOf(model, replacing(members), { options: options ?? {} });
}

function isModel(value: unknown): value is ModelLike {
  if (typeof value !== 'object' || value === null) return false;
  const { invoke, stream } = value as { invoke?: unknown; stream?: unknown };
  return typeof invoke === 'function' && typeof stream === 'function';
}

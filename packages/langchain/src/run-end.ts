import { answerAttributes } from '@throughline/agent';
import type { OpenStep } from '@throughline/agent';
import { answerOf } from './model.ts';
import { failureOf } from './scope.ts';

/** What a run of LangChain is given, as far as it is looked at here. */
export interface RunConfig {
  readonly callbacks?: unknown;
  readonly configurable?: { readonly thread_id?: unknown };
}

/** A callback handler of LangChain. */
export interface RunEnds {
  readonly name: string;
  readonly awaitHandlers: boolean;
  handleChainStart(chain: unknown, inputs: unknown, runId: string): void;
  handleChainEnd(outputs: unknown, runId: string): void;
  handleChainError(error: unknown, runId: string): void;
  handleChatModelStart(model: unknown, messages: unknown, runId: string): void;
  handleLLMEnd(output: unknown, runId: string): void;
  handleLLMError(error: unknown, runId: string): void;
}

/** Returns a callback that ends the step with the run that it is about: the first that it hears of. */
export function endsOfRun(open: OpenStep): RunEnds {
  let own: string | undefined;
  const starts = (_what: unknown, _inputs: unknown, runId: string): void => void (own ??= runId);
  const fails = (error: unknown, runId: string): void => {
    if (runId === own) open.end(failureOf(error));
  };
  return {
    name: 'throughline',
    awaitHandlers: true,
    handleChainStart: starts,
    handleChatModelStart: starts,
    handleChainError: fails,
    handleLLMError: fails,
    handleChainEnd: (_outputs, runId) => {
      if (runId === own) open.end();
    },
    handleLLMEnd: (output, runId) => {
      if (runId !== own) return;
      const { generations } = (output ?? {}) as { generations?: readonly (readonly { message?: unknown }[])[] };
      open.describe(answerAttributes(answerOf(generations?.[0]?.[0]?.message)));
      open.end();
    },
  };
}

/** Returns the config with one more callback. The config itself stays as it is. */
export function withCallback(config: RunConfig | undefined, callback: RunEnds): RunConfig {
  const given = config?.callbacks;
  // Inside of another run they are a manager.
  const callbacks = isManager(given) ? given.copy([callback]) : [...listOf(given), callback];
  return { ...config, callbacks };
}

function listOf(callbacks: unknown): readonly unknown[] {
  return Array.isArray(callbacks) ? (callbacks as unknown[]) : [];
}

function isManager(value: unknown): value is { copy(handlers: readonly unknown[]): unknown } {
  return typeof value === 'object' && value !== null && typeof (value as { copy?: unknown }).copy === 'function';
}

/**
 * JSON logs, in two files of the folder that `DESK_LOGS` names; without it nothing is logged. `ai.jsonl` says what agents, tools and models
 * did, for who looks after answers and costs. `infrastructure.jsonl` says what processes did, for who looks after machines. A line of either has
 * the trace and the span that it was written in.
 */
import { join } from 'node:path';
import { errorFields, logFields, pinoMixin } from '@throughline/agent';
import type { AgentOptions } from '@throughline/agent';
import pino from 'pino';
import type { Logger } from 'pino';

interface Logs {
  readonly ai: Logger;
  readonly infrastructure: Logger;
}

const folder = process.env['DESK_LOGS'];
let logs: Logs | undefined;

/** Names the process whose lines these are. */
export function startLogs(service: string, instance: string): void {
  if (!folder) return;
  const log = (name: keyof Logs): Logger =>
    pino(
      { base: { service, instance }, mixin: pinoMixin() },
      // All processes of the desk append to the same file, a whole line at a time.
      pino.destination({ dest: join(folder, `${name}.jsonl`), append: true, sync: true }),
    );
  logs = { ai: log('ai'), infrastructure: log('infrastructure') };
}

/** Tells what this process does. */
export function logProcess(text: string): void {
  logs?.infrastructure.info(text);
}

/** Runs a step of an agent, and tells when it is done, or why it failed. What it returns and throws comes out as it is. */
export async function loggedStep<T>(step: string, fields: Record<string, string>, run: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const taken = (): object => ({ ...fields, seconds: Math.round(performance.now() - started) / 1000 });
  try {
    const result = await run();
    logs?.ai.info(taken(), `${step} is done`);
    return result;
  } catch (error) {
    logs?.ai.error({ ...taken(), ...errorFields(error) }, `${step} failed`);
    throw error;
  }
}

/**
 * Returns options for `runAgent` that make its events lines of the AI log, beside those of their spans: the phases of model calls, attempts that
 * failed, signals.
 */
export function loggedEvents(): AgentOptions {
  const ai = logs?.ai;
  if (ai === undefined) return {};
  return {
    loggerProvider: {
      getLogger: () => ({
        emit: ({ eventName, attributes, context }) =>
          ai.info({ ...logFields(context), event: eventName, ...attributes }, eventName),
      }),
    },
  };
}

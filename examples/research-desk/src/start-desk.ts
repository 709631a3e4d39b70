import { fileURLToPath } from 'node:url';
import { Reply } from './desk.ts';
import type { Crew } from './processes.ts';
import type { RunningRoad } from './roads/start.ts';

const ANSWER_DEADLINE_MS = 60_000;

/** What a desk is started with. */
export interface DeskOptions {
  /** What tasks and results go over. */
  readonly road: RunningRoad;
  /** Where spans go, by OTLP. */
  readonly otlp: string;
  readonly analysts?: number | undefined;
  /** Settings of the agents, for their environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts the agents, each after those that it needs; resolves with the gateway's URL. */
export async function startDesk(agents: Crew, { road, otlp, analysts = 2, env }: DeskOptions): Promise<string> {
  const shared = {
    ...road.env,
    DESK_REPOSITORY: fileURLToPath(new URL('../../..', import.meta.url)),
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp,
    ...env,
  };
  const [library, planner, model] = await Promise.all([
    agents.start('library', program('library'), shared),
    agents.start('planner', program('planner'), shared),
    agents.start('model', program('model'), shared),
  ]);
  const startAnalyst = (name: string): Promise<string> =>
    agents.start(name, program('analyst'), {
      ...shared,
      DESK_ANALYST: name,
      DESK_LIBRARY_URL: library,
      DESK_MODEL_URL: model,
    });
  const [gateway] = await Promise.all([
    agents.start('gateway', program('gateway'), { ...shared, DESK_PLANNER_URL: planner }),
    ...Array.from({ length: analysts }, (_, at) => startAnalyst(`analyst-${at + 1}`)),
  ]);
  return gateway;
}

function program(agent: string): URL {
  return new URL(`./${agent}.ts`, import.meta.url);
}

/** Asks the desk a question; resolves with its answer, or why there is none. */
export async function askDesk(gateway: string, question: string): Promise<Reply> {
  const response = await fetch(`${gateway}/questions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question }),
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  return Reply.parse(await response.json());
}

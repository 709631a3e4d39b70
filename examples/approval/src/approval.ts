/** The whole story: an agent asks and is killed, somebody says yes, a worker goes on. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { openApprovals } from './approvals.ts';

export interface Story {
  readonly spans: readonly CollectedSpan[];
  /** How the process that asked ended. */
  readonly agentEndedBy: NodeJS.Signals | null;
}

export async function tellStory(): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'approval-'));
  const database = join(folder, 'approvals.db');
  await using collector = disposable(await startCollector());
  const start = (program: string) =>
    fork(new URL(program, import.meta.url), [database], {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
  try {
    const agent = start('./agent.ts');
    const ended = once(agent, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const asked = await Promise.race([once(agent, 'message'), ended.then(() => undefined)]);
    if (asked === undefined) throw new Error('the agent ended before it had asked');
    agent.kill('SIGKILL');
    const [, agentEndedBy] = await ended;

    openApprovals(database).approveAll();

    const [code] = (await once(start('./worker.ts'), 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the worker ended with code ${code}`);
    return { spans: collector.spans(), agentEndedBy };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function disposable<T extends { close(): Promise<void> }>(closable: T): T & AsyncDisposable {
  return Object.assign(closable, { [Symbol.asyncDispose]: () => closable.close() });
}

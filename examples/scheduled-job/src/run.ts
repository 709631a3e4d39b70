/** An agent makes a schedule; a scheduler, another process, runs it three times. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

/** Resolves with the spans of both. */
export async function runSchedule(): Promise<readonly CollectedSpan[]> {
  const folder = await mkdtemp(join(tmpdir(), 'scheduled-job-'));
  const collector = await startCollector();
  try {
    for (const program of ['./agent.ts', './scheduler.ts']) {
      const child = fork(new URL(program, import.meta.url), [join(folder, 'schedules.db')], {
        env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${program} ended with code ${code}`);
    }
    return collector.spans();
  } finally {
    await collector.close();
    await rm(folder, { recursive: true });
  }
}

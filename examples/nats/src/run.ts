/** A planner and an analyst, each a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

/** Resolves with the spans of both. */
export async function runAgents(url: string): Promise<readonly CollectedSpan[]> {
  const collector = await startCollector();
  const run = async (program: string): Promise<void> => {
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const child = fork(new URL(program, import.meta.url), [url], { env });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with code ${code}`);
  };
  try {
    await Promise.all([run('./analyst.ts'), run('./planner.ts')]);
    return collector.spans();
  } finally {
    await collector.close();
  }
}

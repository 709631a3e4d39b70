/** A gateway asks a planner, each a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

/** Resolves with the spans of both. */
export async function runClients(): Promise<readonly CollectedSpan[]> {
  const collector = await startCollector();
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const planner = fork(new URL('./planner.ts', import.meta.url), { env });
  const exited = once(planner, 'exit');
  try {
    const [port] = (await Promise.race([once(planner, 'message'), exited.then(() => [])])) as [number?];
    if (port === undefined) throw new Error('the planner did not start');
    const gateway = fork(new URL('./gateway.ts', import.meta.url), [`http://127.0.0.1:${port}`], { env });
    const [code] = (await once(gateway, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the gateway ended with code ${code}`);
    planner.send('stop');
    await exited;
    return collector.spans();
  } finally {
    planner.kill();
    await collector.close();
  }
}

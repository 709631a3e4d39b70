/** A desk and two workers, each a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

/** Resolves with the spans of all three, and what the desk said. `tidied` is how often the schedule runs. */
export async function runDesk(
  url: string,
  tidied: number = 3,
): Promise<{ readonly spans: readonly CollectedSpan[]; readonly said: string }> {
  const collector = await startCollector();
  const start = (program: string, ...args: readonly string[]) =>
    fork(new URL(program, import.meta.url), [url, ...args], {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
  const workers = [start('./worker.ts', 'analyst', 'tasks'), start('./worker.ts', 'writer', 'reports')];
  try {
    const desk = start('./desk.ts', String(tidied));
    let said = '';
    desk.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(desk, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the desk ended with code ${code}`);
    for (const worker of workers) {
      const ended = once(worker, 'exit');
      worker.send('stop');
      await ended;
    }
    return { spans: collector.spans(), said };
  } finally {
    for (const worker of workers) worker.kill();
    await collector.close();
  }
}

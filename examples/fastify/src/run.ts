/** Asks the desk one question, which it asks the planner, each a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

/** Resolves with the answer, and with the spans of both. */
export async function askDesk(): Promise<{ answer: string; spans: readonly CollectedSpan[] }> {
  const collector = await startCollector();
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const start = async (program: string, ...args: readonly string[]) => {
    const child = fork(new URL(program, import.meta.url), args, { env });
    const [url] = (await once(child, 'message')) as [string];
    const end = async (): Promise<void> => {
      const ended = once(child, 'exit');
      child.send('end');
      await ended;
    };
    return { url, end };
  };
  try {
    const planner = await start('./planner.ts');
    const desk = await start('./desk.ts', planner.url);
    const response = await fetch(`${desk.url}/v1/questions/plans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: 'which plan is best?' }),
    });
    const answer = await response.text();
    await Promise.all([desk.end(), planner.end()]);
    return { answer, spans: collector.spans() };
  } finally {
    await collector.close();
  }
}

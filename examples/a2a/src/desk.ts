import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { bindings } from './agents.ts';

/** What came of it all. */
export interface Story {
  readonly answers: readonly { readonly question: string; readonly text: string }[];
  readonly spans: readonly CollectedSpan[];
}

/** Starts the researcher, the planner and the gateway, each in a process of its own, and asks so many questions at once by each binding. */
export async function tellStory(count: number): Promise<Story> {
  const collector = await startCollector();
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const researcher = await started('researcher', env);
  const planner = await started('planner', { ...env, RESEARCHER_URL: researcher.url });
  const gateway = await started('gateway', { ...env, PLANNER_URL: planner.url });
  const ask = async (binding: string, question: string) => {
    const body = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: question };
    const response = await fetch(`${gateway.url}/${encodeURIComponent(binding)}`, body);
    return { question, text: await response.text() };
  };
  const answers = await Promise.all(
    bindings.flatMap((binding) => Array.from({ length: count }, (_, at) => ask(binding, `${binding} question ${at}`))),
  );
  for (const { child } of [gateway, planner, researcher]) await ended(child);
  await collector.close();
  return { answers, spans: collector.spans() };
}

/** Returns the spans of each trace. */
export function byTrace(spans: readonly CollectedSpan[]): CollectedSpan[][] {
  const ids = new Set(spans.map(({ traceId }) => traceId));
  return [...ids].map((id) => spans.filter(({ traceId }) => traceId === id));
}

async function started(name: string, env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(new URL(`./${name}.ts`, import.meta.url), { env });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { readonly url: string }) => resolve(message.url));
    child.once('exit', (code) => reject(new Error(`the ${name} ended before it was ready: ${code}`)));
  });
  return { child, url };
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

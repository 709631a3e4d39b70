/** The research desk with all that watches it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reply } from '@throughline/example-research-desk/desk';
import type { Mood } from '@throughline/example-research-desk/mood';
import { crew } from '@throughline/example-research-desk/processes';
import { startRoad } from '@throughline/example-research-desk/roads';
import { askDesk, startDesk } from '@throughline/example-research-desk/start-desk';
import { startCollector } from '@throughline/verify';
import type { Collector } from '@throughline/verify';
import { startPrometheus } from './prometheus.ts';
import type { RunningPrometheus } from './prometheus.ts';

export interface WatchedDesk extends AsyncDisposable {
  readonly gateway: string;
  readonly prometheus: RunningPrometheus;
  /** Has the spans. */
  readonly collector: Collector;
  /** The folder of `ai.jsonl` and `infrastructure.jsonl`, gone when the desk is. */
  readonly logs: string;
  /** Rejects when an agent ends that nobody asked to. */
  readonly loss: Promise<never>;
  ask(question: string): Promise<Reply>;
  /** Asks all agents to stop, which exports their last spans; resolves with complaints about those that did not. */
  dismiss(): Promise<string[]>;
}

export interface WatchOptions {
  readonly model?: Mood | undefined;
  readonly onSays?: ((who: string, text: string) => void) | undefined;
}

/** Starts a collector of spans, a Prometheus, a broker and the desk. Where one of them fails, the others are ended. */
export async function startWatchedDesk({
  model = 'mixed',
  onSays = () => {},
}: WatchOptions = {}): Promise<WatchedDesk> {
  await using stack = new AsyncDisposableStack();
  const logs = await mkdtemp(join(tmpdir(), 'throughline-logs-'));
  stack.defer(() => rm(logs, { recursive: true, force: true }));
  const collector = await startCollector();
  stack.defer(() => collector.close());
  const prometheus = stack.use(await startPrometheus());
  onSays('watch', `Prometheus is at ${prometheus.url}`);
  const road = await startRoad('kafka', (line) => onSays('kafka', line));
  stack.defer(() => road.stop());
  const agents = crew({ onSays });
  // Whatever ends this process ends the agents too.
  const kill = (): void => void agents.kill();
  process.on('exit', kill);
  stack.defer(async () => {
    await agents.kill();
    process.off('exit', kill);
  });
  const env = { DESK_MODEL: model, DESK_METRICS: prometheus.targets, DESK_LOGS: logs };
  const gateway = await startDesk(agents, { road, otlp: collector.url, env });
  const started = stack.move();
  return {
    gateway,
    prometheus,
    collector,
    logs,
    loss: agents.loss,
    ask: (question) => askDesk(gateway, question),
    dismiss: () => agents.dismiss(),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

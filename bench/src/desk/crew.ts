// The subject: starts the processes of one desk, `node crew.ts VARIANT BROKERS TOPIC`, and answers for all of them.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openSideChannel } from '../mcp/side-channel.ts';
import type { Ask } from '../mcp/side-channel.ts';
import { beSubject } from '../subject.ts';
import type { DeskVariant } from './tracing.ts';

/** What a process of the desk is told. */
export interface Settings {
  readonly brokers: string;
  readonly topic: string;
  /** Where the others are. */
  readonly planner: string;
  readonly library: string;
  readonly readerPort: number;
}

const [variant, brokers = '', topics = ''] = process.argv.slice(2) as [DeskVariant, string?, string?];
const topic = `${topics}.${variant.replaceAll(/\W+/g, '-')}`;
const children: ChildProcess[] = [];
const asks: Ask[] = [];

const readerChannel = await openSideChannel();
const common = { brokers, topic, planner: '', library: '', readerPort: readerChannel.port };
const library = await start('library', common);
const planner = await start('planner', common);
const worker = await start('worker', { ...common, library: library.url });
asks.push(await readerChannel.answering);
const gateway = await start('gateway', { ...common, planner: planner.url });

const total = async (question: string): Promise<number> => {
  let sum = 0;
  for (const ask of asks) sum += Number(await ask(question));
  return sum;
};
let expected = 0;

beSubject({
  ready: gateway.url,
  async run(count) {
    expected += count;
    while (Number(await worker.ask('done')) < expected) await delay(5);
  },
  spans: () => total('spans'),
  othersCpu: () => total('cpu'),
  async stop() {
    for (const child of children) child.kill();
  },
});

async function start(role: string, settings: Settings): Promise<{ readonly ask: Ask; readonly url: string }> {
  const { port, answering } = await openSideChannel();
  const file = new URL('part.ts', import.meta.url);
  children.push(
    fork(file, [role, variant, String(port), JSON.stringify(settings)], {
      // What V8 makes of a young generation that it sizes itself differs between two processes by a fifth of what they use.
      execArgv: ['--disable-warning=TimeoutNegativeWarning', '--min-semi-space-size=16', '--max-semi-space-size=16'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  );
  const ask = await answering;
  asks.push(ask);
  return { ask, url: String(await ask('url')) };
}

/** The agents' processes: started, watched, and ended for certain. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Notice } from './agent.ts';

const TAIL_CHARACTERS = 4000;

/** The processes that one run started, and no others. */
export interface Crew {
  /** Starts `program`; resolves with its URL (empty where it has none) when it says that it is ready. */
  start(name: string, program: URL, env: Readonly<Record<string, string>>): Promise<string>;
  /** Rejects when an agent ends that nobody asked to: with its name, how it ended, and the end of its standard error. */
  readonly loss: Promise<never>;
  /** Asks all to stop, the last started first, and kills those that do not. Resolves with complaints about these. */
  dismiss(): Promise<string[]>;
  /** Kills what still runs, at once, or those alone whose names begin so; resolves when it is gone. */
  kill(prefix?: string): Promise<void>;
}

export interface CrewOptions {
  /** Hears what the agents say. */
  readonly onSays?: ((name: string, text: string) => void) | undefined;
  /** Milliseconds that an agent has until it is ready. Default 40,000. */
  readonly readyWithin?: number | undefined;
  /** Milliseconds that an agent has to stop when it is asked. Default 8,000, more than it gives itself. */
  readonly stopWithin?: number | undefined;
}

/** Makes an empty crew. */
export function crew({ onSays = () => {}, readyWithin = 40_000, stopWithin = 8000 }: CrewOptions = {}): Crew {
  const running = new Map<string, ChildProcess>();
  const tails = new Map<string, string>();
  let dismissed = false;
  let lose!: (error: Error) => void;
  const loss = new Promise<never>((_, reject) => (lose = reject));
  loss.catch(() => {}); // It may come when nobody asks any more.

  const tailOf = (name: string): string => {
    const tail = tails.get(name)?.trim() ?? '';
    return tail === '' ? '' : `\n${tail.replace(/^/gm, '    ')}`;
  };

  const start = (name: string, program: URL, env: Readonly<Record<string, string>>): Promise<string> => {
    const child = fork(program, {
      env: { ...inherited(), ...env },
      // kafkajs sets timers in the past, and Node warns of each.
      execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.set(name, child);
    child.stderr?.on('data', (chunk: Buffer) => {
      tails.set(name, ((tails.get(name) ?? '') + chunk.toString()).slice(-TAIL_CHARACTERS));
    });
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`${name} was not ready within ${readyWithin} ms${tailOf(name)}`));
      }, readyWithin);
      child.on('message', (notice: Notice) => {
        if (notice.event === 'says') return onSays(name, notice.text);
        clearTimeout(deadline);
        onSays(name, `is ready, process ${child.pid}`);
        resolve(notice.url ?? '');
      });
      child.on('error', (error) => lose(new Error(`${name} could not be started`, { cause: error })));
      // `close`, not `exit`: by then its standard error has been read to the end.
      child.on('close', (code, signal) => {
        clearTimeout(deadline);
        running.delete(name);
        const how = signal === null ? `with code ${code}` : `by ${signal}`;
        const error = new Error(`${name} ended ${how}${tailOf(name)}`);
        reject(error);
        if (!dismissed) lose(error);
      });
    });
  };

  const stop = async (name: string, child: ChildProcess): Promise<string[]> => {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const inTime = await Promise.race([closed, delay(stopWithin, undefined, { ref: false })]);
    if (inTime === undefined) {
      child.kill('SIGKILL');
      await closed;
    }
    if (child.exitCode === 0) return [];
    return [`${name} did not stop as asked, its last spans may be missing${tailOf(name)}`];
  };

  return {
    start,
    loss,
    dismiss: async () => {
      dismissed = true;
      const complaints: string[] = [];
      // One after the other: whoever asks is gone before whoever answers.
      for (const [name, child] of [...running].reverse()) complaints.push(...(await stop(name, child)));
      return complaints;
    },
    kill: async (prefix = '') => {
      dismissed = true;
      const condemned = [...running].filter(([name]) => name.startsWith(prefix));
      await Promise.all(
        condemned.map(([, child]) => {
          const closed = once(child, 'close');
          child.kill('SIGKILL');
          return closed;
        }),
      );
    },
  };
}

/** This process's environment without settings of OpenTelemetry that are meant for other programs. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')));
}

import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A command that runs, with all that it starts. */
export interface ProcessGroup {
  /** The command, as it is shown. */
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves when the command itself has ended, with its exit code as shells say it: 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>;
  hasEnded(): boolean;
  /** Why it was not started. */
  problem(): string | undefined;
  /** Whether the command, or something that it started, still runs. */
  isAlive(): boolean;
  /** Sends a signal to all of it. */
  signal(signal: NodeJS.Signals): void;
  /** Asks all of it to end, ends what has not after a while, and resolves when nothing of it runs. */
  stop(graceMs: number): Promise<void>;
}

// What it starts may outlive it, and a signal has to reach that too. Windows has no groups, and would open a window.
const HAS_GROUPS = process.platform !== 'win32';
const LOOK_MS = 20;
/** What shells exit with where there is no such command. */
const CANNOT_RUN = 127;

/** Starts a command in a process group of its own, which no Ctrl-C of the terminal reaches: what is to be sent on, `signal` sends. */
export function startGroup(command: string, args: readonly string[], options: SpawnOptions): ProcessGroup {
  const child = spawn(command, args, { ...options, detached: HAS_GROUPS });
  const { pid } = child;
  let isOver = pid === undefined;
  let problem: string | undefined;
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      if (!HAS_GROUPS) isOver = true;
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
    child.on('error', (error) => {
      if (pid !== undefined) return;
      problem = error.message;
      resolve(CANNOT_RUN);
    });
  });
  const send = (signal: NodeJS.Signals | 0): void => {
    // Another group may get the number of one that is over.
    if (isOver || pid === undefined) return;
    try {
      process.kill(HAS_GROUPS ? -pid : pid, signal);
    } catch (error) {
      isOver = (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  };
  const isAlive = (): boolean => {
    send(0);
    return !isOver;
  };
  return {
    name: [command, ...args].join(' '),
    child,
    ended,
    hasEnded: () => problem !== undefined || child.exitCode !== null || child.signalCode !== null,
    problem: () => problem,
    isAlive,
    signal: send,
    stop: async (graceMs) => {
      const until = Date.now() + graceMs;
      send('SIGTERM');
      while (isAlive() && Date.now() < until) await delay(LOOK_MS);
      send('SIGKILL');
      while (isAlive()) await delay(LOOK_MS);
      await ended;
    },
  };
}

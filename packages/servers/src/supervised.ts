/** The starter's side of {@link file://./supervisor.ts}: programs and a folder that do not outlive this process. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What the supervisor is told, one JSON object a line. */
export type Order =
  | { do: 'start'; id: number; command: string; args: string[]; env?: Environment; cwd?: string; watchFor?: string }
  | { do: 'signal'; id: number; signal: NodeJS.Signals };

/** What the supervisor says, one JSON object a line. */
export type Report =
  | { event: 'ready'; folder: string }
  | { event: 'started'; id: number; pid: number }
  | { event: 'line'; id: number; line: string }
  | ({ event: 'ended'; id: number } & Ending);

export type Environment = Readonly<Record<string, string | undefined>>;

/** How a program ended, with its last lines of output. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  tail: string[];
}

export interface Program {
  command: string;
  args: string[];
  /** Added to this process's environment. */
  env?: Environment;
  /** The supervised folder when absent. */
  cwd?: string;
  /** Lines of its output that contain this go to `onLine`. */
  watchFor?: string;
  onLine?: (line: string) => void;
}

export interface RunningProgram {
  readonly pid: number;
  /** Resolves when the program has ended, by whatever cause; never rejects. */
  readonly ended: Promise<Ending>;
  /** Sends a signal; does nothing when the program has ended. */
  signal(signal: NodeJS.Signals): void;
}

export interface Supervised {
  /** An empty folder of its own, removed at the end. */
  readonly folder: string;
  /** Starts a program; rejects when it cannot be started. */
  start(program: Program): Promise<RunningProgram>;
  /** Runs a program to its end. */
  run(program: Program): Promise<Ending>;
  /** Kills every program, removes the folder; resolves when both are gone. */
  end(): Promise<void>;
  /** Says whether this process stays alive for the programs' sake. It does at first. */
  keepAlive(yes: boolean): void;
}

/**
 * Starts a supervisor whose folder's name begins with `prefix` (a path without the random end).
 * It is a session of its own: a Ctrl-C reaches the starter alone, and the supervisor then cleans up behind it.
 */
export async function supervise(prefix: string): Promise<Supervised> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const supervisor = spawn(process.execPath, [fileURLToPath(new URL('./supervisor.ts', import.meta.url)), prefix], {
    detached: true,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const programs = new Map<number, { program: Program; pid?: number; on: ProgramEvents }>();
  let lastId = 0;
  let folder: string | undefined;
  let complaint = '';
  supervisor.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4096)));
  // A supervisor that is gone is noticed by its exit.
  supervisor.stdin.on('error', () => {});

  const gone = new Promise<void>((resolve) => {
    supervisor.on('error', (error) => {
      complaint += error.message;
      resolve();
    });
    supervisor.on('close', () => {
      // Only a supervisor that was itself killed leaves anything: then it falls to us.
      for (const { pid, on } of programs.values()) {
        if (pid !== undefined) killIfThere(pid);
        on.ended({ code: null, signal: 'SIGKILL', tail: ['its supervisor is gone', complaint].filter(Boolean) });
      }
      programs.clear();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      resolve();
    });
  });

  const send = (order: Order): void => {
    supervisor.stdin.write(`${JSON.stringify(order)}\n`);
  };
  const ready = new Promise<string>((resolve, reject) => {
    void gone.then(() => reject(new Error(`The supervisor of the broker could not start: ${complaint}`)));
    createInterface({ input: supervisor.stdout }).on('line', (line) => {
      const report: unknown = JSON.parse(line);
      if (!isReport(report)) return;
      if (report.event === 'ready') return resolve(report.folder);
      const entry = programs.get(report.id);
      if (entry === undefined) return;
      if (report.event === 'started') {
        entry.pid = report.pid;
        entry.on.started(report.pid);
      } else if (report.event === 'line') {
        entry.program.onLine?.(report.line);
      } else {
        programs.delete(report.id);
        entry.on.ended({ code: report.code, signal: report.signal, tail: report.tail });
      }
    });
  });
  folder = await ready;

  const start = (program: Program): Promise<RunningProgram> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      let end!: (ending: Ending) => void;
      const ended = new Promise<Ending>((settle) => (end = settle));
      programs.set(id, {
        program,
        on: {
          started: (pid) => resolve({ pid, ended, signal: (signal) => send({ do: 'signal', id, signal }) }),
          ended: (ending) => {
            reject(new Error(`${program.command} could not be started: ${ending.tail.join('\n')}`));
            end(ending);
          },
        },
      });
      const { onLine: _, ...order } = program;
      send({ do: 'start', id, ...order });
    });

  return {
    folder,
    start,
    run: async (program) => (await start(program)).ended,
    end: async () => {
      keepAlive(true);
      supervisor.stdin.end();
      await gone;
    },
    keepAlive,
  };

  function keepAlive(yes: boolean): void {
    for (const handle of [supervisor, supervisor.stdin, supervisor.stdout, supervisor.stderr]) {
      if (handle !== supervisor && !(handle instanceof Socket)) continue;
      if (yes) handle.ref();
      else handle.unref();
    }
  }
}

function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'event' in value;
}

interface ProgramEvents {
  started(pid: number): void;
  ended(ending: Ending): void;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with its supervisor.
  }
}

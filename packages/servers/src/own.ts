/** A server of our own: its programs on free ports, its data in a folder that does not outlive this process. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Owned } from './handle.ts';
import { freePorts, PORT_TAKEN } from './ports.ts';
import { supervise, type Environment, type Program, type RunningProgram, type Supervised } from './supervised.ts';

const ATTEMPTS = 3;
const READY_WITHIN_MS = 120_000;
const PROBE_EVERY_MS = 50;
const STOP_WITHIN_MS = 20_000;

/** How one kind of server is started. */
export interface Recipe {
  /** As it is called in messages. */
  name: string;
  /** How its folder's name begins. */
  prefix: string;
  /** How many ports it listens on. */
  ports: number;
  /** Writes what it reads at its start, and runs what must run before it. */
  prepare(place: Place): Promise<Prepared>;
}

export interface Place {
  supervised: Supervised;
  folder: string;
  /** As many as the recipe says. */
  ports: number[];
  env: Environment;
}

export interface Prepared {
  program: Program;
  /** Asks once whether it serves, and whether it is this one: another may have taken the port. */
  serves(running: RunningProgram): Promise<boolean>;
}

export interface OwnServer extends Owned {
  ports: number[];
}

/** Starts it; resolves when it serves. A port that somebody takes in between is replaced by another. */
export async function startOwn(recipe: Recipe, env: Environment): Promise<OwnServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(recipe, env);
    } catch (error) {
      if (attempt === ATTEMPTS || !PORT_TAKEN.test(String(error))) throw error;
    }
  }
}

async function startOnce(recipe: Recipe, env: Environment): Promise<OwnServer> {
  const supervised = await supervise(join(tmpdir(), recipe.prefix));
  try {
    const ports = await freePorts(recipe.ports);
    const { program, serves } = await recipe.prepare({ supervised, folder: supervised.folder, ports, env });
    const start = async (): Promise<RunningProgram> => {
      const running = await supervised.start(program);
      await untilServing(recipe.name, running, serves);
      return running;
    };
    let running = await start();
    return {
      ports,
      supervised,
      pid: () => running.pid,
      kill: async () => {
        running.signal('SIGKILL');
        await running.ended;
      },
      restart: async () => {
        await stopSoftly(running);
        running = await start();
      },
    };
  } catch (error) {
    await supervised.end();
    throw error;
  }
}

/** Resolves when `serves` says so; rejects when the program ends before, or takes too long. */
export async function untilServing(
  name: string,
  running: RunningProgram,
  serves: (running: RunningProgram) => Promise<boolean>,
): Promise<void> {
  const over = new AbortController();
  let late = false;
  const failure = running.ended.then(({ code, signal, tail }) => {
    over.abort();
    const how = late
      ? `did not serve within ${READY_WITHIN_MS} ms`
      : `ended (${signal ?? `code ${code}`}) before it served`;
    throw new Error(`${name} ${how}:\n${tail.join('\n')}`);
  });
  failure.catch(() => {});
  const serving = async (): Promise<void> => {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!over.signal.aborted) {
      if (await serves(running)) return;
      late = Date.now() > deadline;
      if (late) running.signal('SIGKILL');
      await delay(PROBE_EVERY_MS);
    }
  };
  await Promise.race([serving(), failure]);
}

async function stopSoftly(running: RunningProgram): Promise<void> {
  running.signal('SIGTERM');
  const timer = setTimeout(() => running.signal('SIGKILL'), STOP_WITHIN_MS);
  await running.ended;
  clearTimeout(timer);
}

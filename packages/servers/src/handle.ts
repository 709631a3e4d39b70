/** What one holds of a server that runs. */
import type { Supervised } from './supervised.ts';

export interface ServerHandle extends AsyncDisposable {
  /** The server's process, a new one after `restart()`; `undefined` for one of the environment. */
  readonly pid: number | undefined;
  /** The folder with its data; `undefined` for one of the environment. */
  readonly folder: string | undefined;
  /** Ends it and removes its data; resolves when both are gone. Does nothing to one of the environment. */
  stop(): Promise<void>;
  /** Kills it with SIGKILL and keeps its data; resolves when it is gone. Rejects for one of the environment. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, stopping it before where it runs. Rejects for one of the environment. */
  restart(): Promise<void>;
}

/** A server that this process started. */
export interface Owned {
  supervised: Supervised;
  /** Of the server as it runs, or last ran. */
  pid(): number;
  kill: () => Promise<void>;
  restart: () => Promise<void>;
}

/** Returns the handle of a server that this process started. It does not keep the process alive. */
export function ownHandle(owned: Owned): ServerHandle {
  const { supervised } = owned;
  supervised.keepAlive(false);
  const keptAlive = async (work: () => Promise<void>): Promise<void> => {
    supervised.keepAlive(true);
    try {
      await work();
    } finally {
      supervised.keepAlive(false);
    }
  };
  return {
    get pid() {
      return owned.pid();
    },
    folder: supervised.folder,
    stop: () => supervised.end(),
    kill: () => keptAlive(owned.kill),
    restart: () => keptAlive(owned.restart),
    [Symbol.asyncDispose]: () => supervised.end(),
  };
}

/** Returns the handle of the server that `variable` of the environment names: it is used as it is, and never stopped. */
export function borrowedHandle(variable: string): ServerHandle {
  const notOurs = (): Promise<never> => Promise.reject(new Error(`The server of ${variable} is not ours to end`));
  const stop = (): Promise<void> => Promise.resolve();
  return { pid: undefined, folder: undefined, stop, kill: notOurs, restart: notOurs, [Symbol.asyncDispose]: stop };
}

import type { Surroundings } from './surroundings.ts';

/** What a command is at, on the terminal of whoever waits for it. */
export interface Progress {
  /** Shows it, once the work has taken a second. */
  tell(this: void, what: string): void;
  /** Takes it away. */
  end(this: void): void;
}

const AFTER_MS = 1000;

/** Returns a line on stderr that each step overwrites. Where that is no terminal, nothing is written. */
export function progress({ stderr }: Pick<Surroundings, 'stderr'>): Progress {
  if (stderr.isTTY !== true) return { tell: () => {}, end: () => {} };
  const began = Date.now();
  let latest = '';
  let isShown = false;
  const show = (): void => {
    isShown = true;
    const { columns = 80 } = stderr;
    stderr.write(`\r\u001b[2Kthroughline ${latest}`.slice(0, columns + 4));
  };
  // One long step tells nothing more: what it is, is shown when the second is over.
  const timer = setTimeout(show, AFTER_MS);
  return {
    tell: (what) => {
      latest = what;
      if (Date.now() - began >= AFTER_MS) show();
    },
    end: () => {
      clearTimeout(timer);
      if (isShown) stderr.write('\r\u001b[2K');
      isShown = false;
    },
  };
}

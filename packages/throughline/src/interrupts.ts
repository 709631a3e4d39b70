import type { ProcessGroup } from './process-group.ts';

/** What a user who presses Ctrl-C means, and a build server that ends a step. */
export interface Interrupts {
  readonly group: ProcessGroup;
  /** Aborted when all has to end at once: at the second signal, or at the first where there is no command any more. */
  readonly atOnce: AbortSignal;
  /** Stops to listen. */
  end(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Starts a command, and sends the signals that this process gets on to it and all that it started. At the second one they are killed. It
 * listens before it starts: a signal in between would end this process alone.
 */
export function interrupts(start: () => ProcessGroup): Interrupts {
  const stopping = new AbortController();
  let isAsked = false;
  const take = (signal: NodeJS.Signals): void => {
    if (isAsked || group.hasEnded()) {
      group.signal('SIGKILL');
      stopping.abort();
    } else group.signal(signal);
    isAsked = true;
  };
  const resized = (): void => group.signal('SIGWINCH');
  for (const signal of SIGNALS) process.on(signal, take);
  const group = start();
  if (process.platform !== 'win32') process.on('SIGWINCH', resized);
  return {
    group,
    atOnce: stopping.signal,
    end: () => {
      for (const signal of SIGNALS) process.off(signal, take);
      process.off('SIGWINCH', resized);
    },
  };
}

/** The life of an agent process: start, say that it is ready, work, and on the way out flush its spans. */
import { logProcess, startLogs } from './logs.ts';
import { startTelemetry } from './telemetry.ts';

/** What an agent says to whoever started it, one IPC message each. */
export type Notice =
  | { readonly event: 'ready'; readonly url?: string | undefined }
  | { readonly event: 'says'; readonly text: string };

/** An agent that has started. */
export interface RunningAgent {
  /** Where it listens, if it does. */
  readonly url?: string | undefined;
  /** Ends its work; spans that end until this resolves are exported. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 6000;

/**
 * Runs an agent in this process until its starter asks it to stop (SIGTERM) or is gone itself (the IPC channel closes),
 * then stops it, flushes its spans and exits.
 */
export async function runProcess(service: string, instance: string, start: () => Promise<RunningAgent>): Promise<void> {
  const flush = startTelemetry(service, instance);
  startLogs(service, instance);
  let agent: RunningAgent | undefined;
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    logProcess('stops');
    setTimeout(() => {
      process.stderr.write(`${instance} did not stop within ${STOP_DEADLINE_MS} ms\n`);
      process.exit(1);
    }, STOP_DEADLINE_MS).unref();
    try {
      await agent?.stop();
      await flush();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${instance} stopped badly: ${String(error)}\n`);
      process.exit(1);
    }
  };
  process.on('SIGTERM', stop);
  process.on('disconnect', stop);
  // A Ctrl-C reaches the whole process group; the starter decides what comes of it.
  process.on('SIGINT', () => {});
  agent = await start();
  logProcess('is ready');
  tell({ event: 'ready', url: agent.url });
}

/** Tells the starter what this agent does. */
export function say(text: string): void {
  logProcess(text);
  tell({ event: 'says', text });
}

function tell(notice: Notice): void {
  // The starter may be gone already: then nobody listens.
  if (process.connected) process.send?.(notice, undefined, undefined, () => {});
}

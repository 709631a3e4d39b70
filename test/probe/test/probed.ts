import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { run } from 'throughline';

/** What `--json` writes, as far as these tests read it. */
export interface Report {
  readonly target: string;
  readonly rows: readonly {
    readonly case: string;
    readonly outcome: string;
    readonly level: 'ok' | 'warning' | 'fail' | 'unknown';
    readonly evidence: readonly string[];
    readonly details: readonly string[];
  }[];
  readonly notes: readonly string[];
}

export interface Probed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `throughline probe`, as a shell does. */
export async function probe(...args: string[]): Promise<Probed> {
  let [stdout, stderr] = ['', ''];
  const code = await run(['probe', ...args], {
    stdin: process.stdin,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: process.env,
  });
  return { code, stdout, stderr };
}

/** Runs `throughline probe --json`, and returns what it found beside the exit code. */
export async function report(...args: string[]): Promise<Report & { readonly code: number }> {
  const { code, stdout, stderr } = await probe('--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Report), code };
}

/** Returns `case: outcome` of the rows of this level. */
export function rowsOf({ rows }: Report, level: Report['rows'][number]['level']): string[] {
  return rows.filter((row) => row.level === level).map(({ case: id, outcome }) => `${id}: ${outcome}`);
}

/** Returns the row of this case. */
export function rowOf({ rows }: Report, id: string): Report['rows'][number] | undefined {
  return rows.find((row) => row.case === id);
}

/** Returns a port that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a program that tells its URL by a message. Where it is supervised, it is started again when it ends. */
export async function start(
  file: string,
  args: readonly string[],
  { otlpPort, port, isSupervised = false }: { otlpPort?: number; port?: number; isSupervised?: boolean } = {},
): Promise<Started> {
  const env = {
    ...process.env,
    ...(otlpPort === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}` }),
    ...(port === undefined ? {} : { PORT: `${port}` }),
  };
  let isStopped = false;
  let child: ChildProcess;
  const up = (): ChildProcess => {
    const path = fileURLToPath(new URL(file, import.meta.url));
    // What a planted crash says is not for this terminal.
    child = fork(path, args, { env, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: ['--no-warnings'] });
    if (isSupervised) child.once('exit', () => isStopped || up());
    return child;
  };
  const url = await new Promise<string>((resolve, reject) => {
    const first = up();
    first.once('message', (message: string | { readonly url: string }) =>
      resolve(typeof message === 'string' ? message : message.url),
    );
    first.once('exit', (code) => reject(new Error(`${file} ended before it was ready: ${code}`)));
  });
  return {
    url,
    async stop() {
      isStopped = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

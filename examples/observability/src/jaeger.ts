/** A real Jaeger for one run, from its Go module or from a binary that is there, on free loopback ports. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const MODULE = 'github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0';
const READY_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;

export interface RunningJaeger extends AsyncDisposable {
  /** Of its pages and of its query API. */
  readonly url: string;
  /** Where spans go, by OTLP over HTTP. */
  readonly otlp: string;
}

/**
 * Resolves with the path of a Jaeger: `JAEGER_BINARY`, else one that Go builds into `folder`, which takes minutes and some gigabytes of its cache.
 * Such a build has no pages: the release has.
 */
export async function jaegerBinary(folder: string, tell: (text: string) => void): Promise<string> {
  const { JAEGER_BINARY } = process.env;
  if (JAEGER_BINARY) return JAEGER_BINARY;
  tell(`builds ${MODULE}, for minutes`);
  const binary = join(folder, 'jaeger');
  for (const words of [
    ['mod', 'init', 'throughline.example/jaeger'],
    ['get', '-tool', MODULE],
    ['build', '-o', binary, MODULE.replace(/@.*/, '')],
  ]) {
    await promisify(execFile)('go', words, { cwd: folder, maxBuffer: 1 << 26 });
  }
  return binary;
}

/** Starts a Jaeger that keeps its traces in memory. */
export async function startJaeger(tell: (text: string) => void = () => {}): Promise<RunningJaeger> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-jaeger-'));
  try {
    const binary = await jaegerBinary(folder, tell);
    const [query, queryGrpc, otlp] = [await freePort(), await freePort(), await freePort()];
    const config = join(folder, 'jaeger.json');
    await writeFile(config, JSON.stringify(configuration(query, queryGrpc, otlp)));
    const child = spawn(binary, [`--config=file:${config}`], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    // Whatever ends this process ends Jaeger too.
    const kill = (): void => void child.kill('SIGKILL');
    process.on('exit', kill);
    let tail = '';
    child.stderr.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-4000)));
    const closed = once(child, 'close');
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      const late = setTimeout(kill, STOP_DEADLINE_MS);
      await closed;
      clearTimeout(late);
      process.off('exit', kill);
      await rm(folder, { recursive: true, force: true });
    };
    const url = `http://127.0.0.1:${query}`;
    const ended = closed.then(() => Promise.reject(new Error(`Jaeger ended:\n${tail}`)));
    try {
      await Promise.race([answers(`${url}/api/services`), ended]);
    } catch (error) {
      await stop();
      throw error;
    }
    ended.catch(() => {});
    return { url, otlp: `http://127.0.0.1:${otlp}`, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** https://www.jaegertracing.io/docs/latest/deployment/configuration/ */
function configuration(query: number, queryGrpc: number, otlp: number): object {
  return {
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: { endpoint: `127.0.0.1:${query}` },
        grpc: { endpoint: `127.0.0.1:${queryGrpc}` },
      },
    },
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlp}` } } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
  };
}

async function answers(url: string): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    if (performance.now() > deadline) throw new Error(`Jaeger did not answer at ${url} within ${READY_DEADLINE_MS} ms`);
    await delay(50);
  }
}

/** Resolves with a port that was free a moment ago: where somebody takes it first, Jaeger says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

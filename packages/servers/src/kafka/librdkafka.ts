/** librdkafka's own broker, for where Apache Kafka is not to be had: one process, everything in memory. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Broker } from './broker.ts';
import { probeBroker } from './probe.ts';
import { supervise } from '../supervised.ts';

export const LIBRDKAFKA_PACKAGE = 'kafka-crab-js';

const PROGRAM = fileURLToPath(new URL('./librdkafka-broker.ts', import.meta.url));
/** From here npm packages are looked up, also those this package is given to use instead. */
const HOME = fileURLToPath(new URL('.', import.meta.url));
/** `Mock cluster enabled: original bootstrap.servers […] replaced with 127.0.0.1:39969` */
const ADDRESS = /replaced with (127\.0\.0\.1:\d+)/;
const READY_WITHIN_MS = 20_000;

/** Returns `true` when the package and its prebuilt library load on this machine, else a sentence on why not. */
export function loadsLibrdkafka(packageName: string): Promise<true | string> {
  const script = `await import(${JSON.stringify(packageName)})`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], { cwd: HOME }, (error, _, stderr) => {
      if (error === null) return resolve(true);
      const cause = /^\w*Error.*?(?= imported from|$)/m.exec(stderr)?.[0] ?? error.message;
      resolve(`the npm package ${packageName} does not load (${cause})`);
    });
  });
}

/** Starts it; resolves when it serves. */
export async function startLibrdkafka(packageName: string): Promise<Broker> {
  const supervised = await supervise(join(tmpdir(), 'throughline-kafka-'));
  let timer: NodeJS.Timeout | undefined;
  try {
    let tell!: (address: string) => void;
    const told = new Promise<string>((resolve) => (tell = resolve));
    const running = await supervised.start({
      command: process.execPath,
      args: [PROGRAM, packageName],
      cwd: HOME,
      env: { RUST_LOG: 'info' },
      watchFor: 'replaced with',
      onLine: (line) => {
        const address = ADDRESS.exec(line)?.[1];
        if (address !== undefined) tell(address);
      },
    });
    const failure = running.ended.then(({ signal, code, tail }): never => {
      throw new Error(`librdkafka's broker ended (${signal ?? `code ${code}`}) before it served:\n${tail.join('\n')}`);
    });
    failure.catch(() => {});
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`librdkafka's broker did not tell its port`)), READY_WITHIN_MS);
    });
    const address = await Promise.race([told, failure, late]);
    if ((await probeBroker(address)) === undefined)
      throw new Error(`librdkafka's broker does not answer on ${address}`);
    return {
      brokers: [address],
      supervised,
      pid: () => running.pid,
      kill: async () => {
        running.signal('SIGKILL');
        await running.ended;
      },
      restart: () => Promise.reject(new Error(`librdkafka's broker keeps nothing to be started on again`)),
    };
  } catch (error) {
    await supervised.end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A real Prometheus for one run: started on a free loopback port, asked, and ended for certain. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HOW_TO_HAVE_IT, prometheusBinary } from './availability.ts';
import { prometheusClient } from './prometheus-client.ts';
import type { PrometheusClient } from './prometheus-client.ts';

/** Its recording and alert rules. */
export const RULES = fileURLToPath(new URL('../prometheus/rules.yaml', import.meta.url));

const READY_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;

export interface RunningPrometheus extends PrometheusClient, AsyncDisposable {
  readonly url: string;
  /** The folder in which it looks for targets, in files as `file_sd_configs` has them. */
  readonly targets: string;
}

/** Starts a Prometheus that scrapes every second, with the rules of this example. Its data is gone when it stops. */
export async function startPrometheus(): Promise<RunningPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-prometheus-'));
  const [targets, config] = [join(folder, 'targets'), join(folder, 'prometheus.json')];
  await mkdir(targets);
  // JSON is YAML.
  await writeFile(config, JSON.stringify(configuration(targets)));
  const child = spawn(
    prometheusBinary(),
    [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  // Whatever ends this process ends Prometheus too.
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);

  let tail = '';
  const ended = new Promise<Error>((resolve) => {
    child.once('error', (cause) => resolve(new Error(`Prometheus cannot be started: ${HOW_TO_HAVE_IT}`, { cause })));
    child.once('close', () => resolve(new Error(`Prometheus ended:\n${tail}`)));
  });
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail = `${tail}${line}\n`.slice(-4000);
      const [, address] = /msg="Listening on" address=(\S+)/.exec(line) ?? [];
      if (address !== undefined) resolve(`http://${address}`);
    });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = setTimeout(kill, STOP_DEADLINE_MS);
    await ended;
    clearTimeout(late);
    process.off('exit', kill);
    await rm(folder, { recursive: true, force: true });
  };

  try {
    const late = delay(READY_DEADLINE_MS, undefined, { ref: false });
    const url = await Promise.race([listening, ended, late.then(() => new Error(`Prometheus is late:\n${tail}`))]);
    if (url instanceof Error) throw url;
    while (!(await fetch(`${url}/-/ready`)).ok) await delay(50);
    return { ...prometheusClient(url), url, targets, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** https://prometheus.io/docs/prometheus/latest/configuration/configuration/ */
function configuration(targets: string): object {
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [RULES],
    scrape_configs: [
      { job_name: 'desk', file_sd_configs: [{ files: [join(targets, '*.json')], refresh_interval: '2s' }] },
    ],
  };
}

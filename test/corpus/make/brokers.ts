import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '@throughline/servers';
import { listens } from './stage.ts';
import type { Stage } from './stage.ts';

/** Starts Kafka for a stage, and returns its brokers. */
export async function kafka(stage: Stage): Promise<string> {
  const broker = await startKafka({ need: 'apache' });
  stage.onClose(() => broker.stop());
  return broker.brokers.join(',');
}

/** Starts Redis for a stage, and returns its address. Debian: `redis-server`. */
export async function redis(stage: Stage): Promise<string> {
  const port = await stage.port();
  await daemon(stage, port, 'redis-server', ['--port', `${port}`, '--save', '', '--appendonly', 'no'], {});
  return `redis://127.0.0.1:${port}`;
}

/** Starts RabbitMQ for a stage, and returns its address. Debian: `rabbitmq-server`. */
export async function rabbit(stage: Stage): Promise<string> {
  const [port, dist] = [await stage.port(), await stage.port()];
  const folder = mkdtempSync(join(tmpdir(), 'throughline-rabbit-'));
  await daemon(stage, port, '/usr/lib/rabbitmq/bin/rabbitmq-server', [], {
    HOME: folder,
    RABBITMQ_NODENAME: `corpus${port}@localhost`,
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${dist}`,
    RABBITMQ_MNESIA_BASE: folder,
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
  });
  stage.onClose(async () => rmSync(folder, { recursive: true, force: true }));
  return `amqp://guest:guest@127.0.0.1:${port}/`;
}

/** Starts nginx before an upstream, and returns its port. Debian: `nginx-light`. */
export async function nginx(stage: Stage, server: (port: number) => string): Promise<number> {
  const port = await stage.port();
  const folder = mkdtempSync(join(tmpdir(), 'throughline-nginx-'));
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user root; daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; ${places.join(' ')} proxy_cache_path ${folder}/cache keys_zone=pages:1m; server { listen 127.0.0.1:${port}; ${server(port)} } }`,
  );
  await daemon(stage, port, 'nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {});
  stage.onClose(async () => rmSync(folder, { recursive: true, force: true }));
  return port;
}

async function daemon(
  stage: Stage,
  port: number,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  child.once('error', () => {
    throw new Error(`${command} cannot be started: apt-get install redis-server rabbitmq-server nginx-light`);
  });
  const ended = once(child, 'exit');
  stage.onClose(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await listens(port);
}

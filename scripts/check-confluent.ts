/**
 * Checks @throughline/kafkajs against the KafkaJS API of `@confluentinc/kafka-javascript`, on Apache Kafka. Not part of CI: the
 * package compiles librdkafka where its own binary cannot be downloaded, which takes minutes, a C++ compiler, the headers
 * of the Node that runs it, and `libssl-dev`, `zlib1g-dev`, `libcurl4-openssl-dev` and `libsasl2-dev`. Run `pnpm build` first.
 *
 *     CONFLUENT_NODE=/usr/bin/node pnpm exec node scripts/check-confluent.ts [folder]
 *
 * `folder` keeps the compiled client for the next time. `CONFLUENT_NODE` is the Node to compile for and to run, 20 or later.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startKafka } from '../packages/servers/src/index.ts';
import { pack, publishedPackages } from './published-packages.ts';

const CLIENT = '@confluentinc/kafka-javascript@^1.10.0';
const OURS = new Set(['@throughline/core', '@throughline/kafkajs']);
const OTEL = [
  '@opentelemetry/api@^1.9',
  '@opentelemetry/core@^2',
  '@opentelemetry/sdk-trace-base@^2',
  '@opentelemetry/context-async-hooks@^2',
];

const run = promisify(execFile);
const folder =
  process.argv[2] === undefined ? await mkdtemp(join(tmpdir(), 'throughline-confluent-')) : resolve(process.argv[2]);
const node = process.env['CONFLUENT_NODE'] ?? process.execPath;
const env = { ...process.env, PATH: `${dirname(node)}:${process.env['PATH'] ?? ''}`, CKJS_LINKING: 'dynamic' };

const modules = join(folder, 'node_modules');
if (!existsSync(join(modules, '@confluentinc'))) {
  await writeFile(join(folder, 'package.json'), '{"private":true}\n');
  await run('npm', ['install', '--no-audit', '--no-fund', CLIENT, ...OTEL], { cwd: folder, env, maxBuffer: 1e8 });
}
for (const published of publishedPackages()) {
  if (!OURS.has(published.name)) continue;
  const installed = join(modules, published.name);
  await rm(installed, { recursive: true, force: true });
  await mkdir(installed, { recursive: true });
  const tarball = await pack(published, folder);
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
}
await copyFile(new URL('./confluent/check.mjs', import.meta.url), join(folder, 'check.mjs'));

await using broker = await startKafka({ need: 'apache' });
const { stdout } = await run(node, ['check.mjs', broker.brokers[0] ?? ''], { cwd: folder, timeout: 120_000 });
process.stdout.write(stdout);

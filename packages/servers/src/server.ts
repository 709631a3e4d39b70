/** One call that gives a server and takes it away again. */
import { setTimeout as delay } from 'node:timers/promises';
import { lookForChromium } from './chromium.ts';
import { borrowedHandle, ownHandle, type ServerHandle } from './handle.ts';
import type { Kind } from './kind.ts';
import { nats } from './nats.ts';
import { startOwn } from './own.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redis } from './redis.ts';
import { sqs } from './sqs.ts';
import type { Environment } from './supervised.ts';

const EXTERNAL_WITHIN_MS = 15_000;
const PROBE_EVERY_MS = 250;

export interface RunningServer extends ServerHandle {
  /** As its client takes it: `amqp://127.0.0.1:40123`. */
  readonly url: string;
}

export interface ServerOptions {
  /** Hears which server it is and, while one is fetched, how far it is. Default: a line to standard error. */
  onProgress?: ((line: string) => void) | undefined;
  /** The environment to choose by and to run it with. Default `process.env`. */
  env?: Environment | undefined;
}

export type ServerKind = 'rabbitmq' | 'nats' | 'redis' | 'sqs' | 'chromium';

export interface ServerAvailability {
  /** There is none: the suite is to be skipped. */
  missing: boolean;
  /** What speaks for it or, when it is missing, what is not there and the ways to have it. */
  reason: string;
  /** For the end of a suite's title: the reason when it is skipped, else nothing. */
  note: string;
}

const kinds = { rabbitmq, nats, redis, sqs };

/** Starts RabbitMQ; see {@link RunningServer}. */
export const startRabbitmq = (options?: ServerOptions): Promise<RunningServer> => start('rabbitmq', options);
/** Starts NATS with JetStream; see {@link RunningServer}. */
export const startNats = (options?: ServerOptions): Promise<RunningServer> => start('nats', options);
/** Starts Redis, set up for BullMQ; see {@link RunningServer}. */
export const startRedis = (options?: ServerOptions): Promise<RunningServer> => start('redis', options);
/** Starts ElasticMQ, whose address is the endpoint of an SQS client; see {@link RunningServer}. */
export const startSqs = (options?: ServerOptions): Promise<RunningServer> => start('sqs', options);

/**
 * Returns the path of Chromium or Chrome.
 *
 * @throws where there is none: the message names the ways out.
 */
export async function findChromium({ env = process.env }: ServerOptions = {}): Promise<string> {
  const found = await lookForChromium(env);
  if (found === undefined) throw new Error(NO_CHROMIUM);
  return found;
}

const NO_CHROMIUM = 'Chromium is not installed (apt-get install chromium, or CHROME_PATH=/path/to/chrome)';

/**
 * Returns whether there is one to be had with the same options. Jars that are wanted are fetched now.
 *
 * @example
 * ```ts
 * const rabbitmq = await serverAvailability('rabbitmq');
 * describe.skipIf(rabbitmq.missing)(`dead letters${rabbitmq.note}`, () => { … });
 * ```
 * @throws with `REQUIRE_SERVERS=1`, where the suite would be skipped.
 */
export async function serverAvailability(kind: ServerKind, options: ServerOptions = {}): Promise<ServerAvailability> {
  const env = options.env ?? process.env;
  const lacking = kind === 'chromium' ? await lackingChromium(env) : await lackingOf(kinds[kind], options);
  if (lacking === undefined) return { missing: false, reason: 'it is there', note: '' };
  if (env['REQUIRE_SERVERS'] === '1') throw new Error(`REQUIRE_SERVERS is set, but ${lacking}`);
  return { missing: true, reason: lacking, note: ` (skipped: ${lacking.split('\n', 1)[0]})` };
}

async function lackingChromium(env: Environment): Promise<string | undefined> {
  return (await lookForChromium(env)) === undefined ? NO_CHROMIUM : undefined;
}

async function lackingOf(kind: Kind, { env = process.env, onProgress }: ServerOptions): Promise<string | undefined> {
  if (env[kind.variable]) return undefined;
  const found = await kind.find(env, onProgress ?? sayAs(kind));
  return typeof found === 'string' ? howToHave(kind, found) : undefined;
}

function howToHave(kind: Kind, lacking: string): string {
  return `${lacking} (apt-get install ${kind.packageName}, or ${kind.variable}=${kind.scheme}://127.0.0.1:${kind.port} with docker run --rm -p ${kind.port}:${kind.port} ${kind.image})`;
}

async function start(serverKind: keyof typeof kinds, options: ServerOptions = {}): Promise<RunningServer> {
  const kind: Kind = kinds[serverKind];
  const { env = process.env, onProgress: say = sayAs(kind) } = options;
  const given = env[kind.variable];
  if (given) {
    say(`the one of ${kind.variable}`);
    await untilReachable(serverKind, given);
    return Object.assign(borrowedHandle(kind.variable), { url: given });
  }
  const found = await kind.find(env, say);
  if (typeof found === 'string') throw new Error(`No ${kind.name}: ${howToHave(kind, found)}`);
  const own = await startOwn(found, env);
  const url = `${kind.scheme}://127.0.0.1:${own.ports[0]}`;
  say(`${found.name} on ${url}`);
  return Object.assign(ownHandle(own), { url });
}

/** Never standard output: that belongs to whoever runs it. */
function sayAs(kind: Kind): (line: string) => void {
  return (line) => process.stderr.write(`${kind.name}: ${line}\n`);
}

/** Resolves when the server at `url` answers; it may just be starting. What it says in TLS is left to its client. */
export async function untilReachable(
  serverKind: keyof typeof kinds,
  url: string,
  withinMs: number = EXTERNAL_WITHIN_MS,
): Promise<void> {
  const kind: Kind = kinds[serverKind];
  const first = url.split(',', 1)[0] ?? '';
  const { protocol, hostname, port } = new URL(first.includes('://') ? first : `${kind.scheme}://${first}`);
  if (protocol !== `${kind.scheme}:`) return;
  const host = hostname.replace(/^\[|\]$/g, '');
  const deadline = Date.now() + withinMs;
  while (!(await kind.answers(host, Number(port) || (protocol === 'http:' ? 80 : kind.port)))) {
    if (Date.now() > deadline) throw new Error(`${kind.variable} is set, but no ${kind.name} answers on ${hostname}`);
    await delay(PROBE_EVERY_MS);
  }
}

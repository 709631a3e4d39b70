import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { CollectorOptions } from '@throughline/verify';
import type { Held } from './collector.ts';

/** How much is sent, and for how long. */
export interface Load {
  readonly spansPerSecond: number;
  readonly seconds: number;
  readonly collector?: CollectorOptions;
}

/** What came of it. */
export interface Outcome {
  readonly sent: number;
  /** How long it took, until the last answer. */
  readonly seconds: number;
  /** Spans that the answers say were rejected, by `partial_success`. */
  readonly rejected: number;
  /** Exports by the status of their answer. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Milliseconds from an export to its answer, in order. */
  readonly waits: readonly number[];
  /** What the collector held, sixty times. */
  readonly samples: readonly Held[];
  readonly held: Held;
}

/** As many spans as a batch processor exports at once. */
export const BATCH = 500;
const CONNECTIONS = 16;
/** So many exports wait for their answers at the most: where the collector is slower than is asked for, the rate falls. */
const ON_THE_WAY = 64;
const SAMPLES = 60;

/** Sends exports at a steady rate from many connections to a collector in a process of its own: JSON, half of it compressed. */
export async function underLoad({ spansPerSecond, seconds, collector = {} }: Load): Promise<Outcome> {
  const child = fork(fileURLToPath(new URL('./collector.ts', import.meta.url)), [JSON.stringify(collector)]);
  try {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the collector ended with code ${code}`);
    });
    // At its end, nobody waits for it any more.
    ended.catch(() => {});
    const [url] = (await Promise.race([once(child, 'message'), ended])) as [string];
    return await Promise.race([send(new URL('/v1/traces', url), child, spansPerSecond, seconds), ended]);
  } finally {
    if (child.connected) {
      child.disconnect();
      await once(child, 'exit');
    }
  }
}

async function send(url: URL, child: ChildProcess, spansPerSecond: number, seconds: number): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const bodies = exports();
  const statuses = new Map<number, number>();
  const waits: number[] = [];
  const samples: Held[] = [];
  const onTheWay = new Set<Promise<void>>();
  let rejected = 0;
  const answered = async (body: Export): Promise<void> => {
    const sent = performance.now();
    const answer = await post(url, body, agent);
    waits.push(performance.now() - sent);
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    rejected += answer.rejected;
  };
  const count = Math.round((spansPerSecond / BATCH) * seconds);
  const every = 1000 / (spansPerSecond / BATCH);
  const began = performance.now();
  for (let nth = 0; nth < count; nth++) {
    // What is late is sent at once: the rate holds over all.
    const wait = began + nth * every - performance.now();
    if (wait > 1) await delay(wait);
    while (onTheWay.size >= ON_THE_WAY) await Promise.race(onTheWay);
    if (nth % Math.ceil(count / SAMPLES) === 0) samples.push(await heldBy(child));
    const one = answered(bodies[nth % bodies.length] as Export).finally(() => onTheWay.delete(one));
    onTheWay.add(one);
  }
  await Promise.all(onTheWay);
  const took = (performance.now() - began) / 1000;
  const held = await heldBy(child);
  agent.destroy();
  return { sent: count * BATCH, seconds: took, rejected, statuses, waits: waits.sort((a, b) => a - b), samples, held };
}

async function heldBy(child: ChildProcess): Promise<Held> {
  const answer = once(child, 'message') as Promise<[Held]>;
  child.send('held');
  return (await answer)[0];
}

interface Export {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

function post(url: URL, { body, headers }: Export, agent: Agent): Promise<{ status: number; rejected: number }> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedSpans: string } };
        resolve({ status: response.statusCode ?? 0, rejected: Number(partialSuccess?.rejectedSpans ?? 0) });
      });
    });
    sending.on('error', reject);
    sending.end(body);
  });
}

/** Exports of SERVER and CLIENT spans with what instrumentations write, each of a trace of its own. */
function exports(): Export[] {
  return Array.from({ length: 8 }, (_, nth) => {
    const spans = Array.from({ length: BATCH }, (_, at) => spanOf(nth * BATCH + at + 1));
    const resource = { attributes: [attribute('service.name', `service-${nth % 4}`)] };
    const body = Buffer.from(
      JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'bench' }, spans }] }] }),
    );
    const headers = { 'content-type': 'application/json' };
    return nth % 2 === 0
      ? { body, headers }
      : { body: gzipSync(body), headers: { ...headers, 'content-encoding': 'gzip' } };
  });
}

const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });

function spanOf(number: number): object {
  const spanId = number.toString(16).padStart(16, '0');
  const start = 1_764_000_000_000_000_000n + BigInt(number) * 1_000_000n;
  return {
    traceId: spanId.repeat(2),
    spanId,
    name: 'POST /plans',
    kind: 2 + (number % 2),
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + 5_000_000n),
    attributes: [
      attribute('http.request.method', 'POST'),
      attribute('url.path', '/plans'),
      attribute('url.scheme', 'http'),
      attribute('server.address', 'planner'),
      attribute('user_agent.original', 'node'),
      { key: 'server.port', value: { intValue: '7102' } },
      { key: 'http.response.status_code', value: { intValue: '200' } },
    ],
    status: {},
  };
}

/** A single-node Apache Kafka 4 (KRaft): broker and controller in one Java process. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from './broker.ts';
import type { KafkaJars } from './jars.ts';
import type { Java } from './java.ts';
import { probeBroker } from './probe.ts';
import { supervise, type Environment, type Program, type RunningProgram } from './supervised.ts';

const ATTEMPTS = 3;
const READY_WITHIN_MS = 60_000;
const PROBE_EVERY_MS = 50;
const STOP_WITHIN_MS = 10_000;
const PORT_TAKEN = /Address already in use|BindException/;

/** Starts it; resolves when it serves. A port that somebody takes in between is replaced by another. */
export async function startApacheKafka(java: Java, jars: KafkaJars, env: Environment): Promise<Broker> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(java, jars, env);
    } catch (error) {
      if (attempt === ATTEMPTS || !PORT_TAKEN.test(String(error))) throw error;
    }
  }
}

async function startOnce(java: Java, jars: KafkaJars, env: Environment): Promise<Broker> {
  const supervised = await supervise(join(tmpdir(), 'throughline-kafka-'));
  try {
    const [port, controllerPort] = await freePorts();
    const address = `127.0.0.1:${port}`;
    const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A'); // no option of the command line
    const properties = join(supervised.folder, 'server.properties');
    const temporary = join(supervised.folder, 'tmp');
    await mkdir(temporary);
    await writeFile(properties, serverProperties(port, controllerPort, join(supervised.folder, 'data')));

    const program = (...args: string[]): Program => ({
      command: java.command,
      args: [
        '-Xmx512m',
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        // What a killed Java leaves in the system's temporary folder: its own counters and native libraries.
        '-XX:-UsePerfData',
        `-Djava.io.tmpdir=${temporary}`,
        '-Dorg.apache.logging.log4j.level=WARN',
        '-cp',
        join(jars.folder, '*'),
        ...args,
      ],
      env,
    });
    const formatted = await supervised.run(
      program('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties),
    );
    if (formatted.code !== 0) throw new Error(`Kafka could not format its storage:\n${formatted.tail.join('\n')}`);

    const start = async (): Promise<RunningProgram> => {
      const running = await supervised.start(program('kafka.Kafka', properties));
      await untilServing(running, address, clusterId);
      return running;
    };
    let running = await start();
    return {
      brokers: [address],
      supervised,
      pid: () => running.pid,
      kill: async () => {
        running.signal('SIGKILL');
        await running.ended;
      },
      restart: async () => {
        await stopSoftly(running);
        running = await start();
      },
    };
  } catch (error) {
    await supervised.end();
    throw error;
  }
}

async function untilServing(running: RunningProgram, address: string, clusterId: string): Promise<void> {
  const over = new AbortController();
  const failure = running.ended.then(({ code, signal, tail }) => {
    over.abort();
    throw new Error(`Kafka ended (${signal ?? `code ${code}`}) before it served:\n${tail.join('\n')}`);
  });
  const serving = async (): Promise<void> => {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!over.signal.aborted) {
      const metadata = await probeBroker(address);
      // Another Kafka may have taken the port; and ours lists itself only once it takes requests.
      if (metadata?.clusterId === clusterId && metadata.brokers.includes(address)) return;
      if (Date.now() > deadline) throw new Error(`Kafka did not serve on ${address} within ${READY_WITHIN_MS} ms`);
      await delay(PROBE_EVERY_MS);
    }
  };
  await Promise.race([serving(), failure]);
  failure.catch(() => {});
}

async function stopSoftly(running: RunningProgram): Promise<void> {
  running.signal('SIGTERM');
  const timer = setTimeout(() => running.signal('SIGKILL'), STOP_WITHIN_MS);
  await running.ended;
  clearTimeout(timer);
}

function serverProperties(port: number, controllerPort: number, data: string): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'auto.create.topics.enable': true,
    'num.partitions': 1,
    // One node holds everything, and few partitions start fast.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    // A group's first member need not wait for others.
    'group.initial.rebalance.delay.ms': 0,
    // Messages with timestamps of long ago stay.
    'log.retention.ms': -1,
    // A broker that was killed may come back once its old session is over.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Two at the same time, so that they differ. */
async function freePorts(): Promise<[number, number]> {
  const servers = await Promise.all([listen(), listen()]);
  const [first, second] = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  if (first === undefined || second === undefined) throw new Error('No free port');
  return [first, second];
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}

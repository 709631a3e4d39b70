/** A single-node Apache Kafka 4 (KRaft): broker and controller in one Java process. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Broker } from './broker.ts';
import type { Jars } from '../jars.ts';
import type { Java } from '../java.ts';
import { startOwn, type Place, type Prepared } from '../own.ts';
import { probeBroker } from './probe.ts';
import type { Environment, Program } from '../supervised.ts';

/** Starts it; resolves when it serves. */
export async function startApacheKafka(java: Java, jars: Jars, env: Environment): Promise<Broker> {
  const own = await startOwn(
    { name: 'Kafka', prefix: 'throughline-kafka-', ports: 2, prepare: (place) => prepare(java, jars, place) },
    env,
  );
  return { ...own, brokers: [`127.0.0.1:${own.ports[0]}`] };
}

async function prepare(java: Java, jars: Jars, place: Place): Promise<Prepared> {
  const { supervised, folder, env } = place;
  const [port = 0, controllerPort = 0] = place.ports;
  const address = `127.0.0.1:${port}`;
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A'); // no option of the command line
  const properties = join(folder, 'server.properties');
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  await writeFile(properties, serverProperties(port, controllerPort, join(folder, 'data')));

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
  return {
    program: program('kafka.Kafka', properties),
    serves: async () => {
      const metadata = await probeBroker(address);
      // Another Kafka may have taken the port; and ours lists itself only once it takes requests.
      return metadata?.clusterId === clusterId && metadata.brokers.includes(address);
    },
  };
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

import { execFileSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kafkaAvailability, startKafka, type RunningKafka } from '../../src/index.ts';
import { connect, passOneMessage, readMessages } from './one-message.ts';
import { isRunning } from '../process.ts';
import { startElsewhere } from '../start-elsewhere.ts';

/** Without the broker that the run of these tests may be given: they start their own. */
const { KAFKA_BROKERS: _, ...ours } = process.env;
const withoutJava = { PATH: '/nonexistent' };

const apache = await kafkaAvailability({ need: 'apache', env: ours });
const librdkafka = await kafkaAvailability({ env: withoutJava });

const flavors = [
  { flavor: 'apache', availability: apache, env: ours },
  { flavor: 'librdkafka', availability: librdkafka, env: withoutJava },
] as const;

for (const { flavor, availability, env } of flavors) {
  const { missing, note } = availability;
  describe.skipIf(missing)(`a broker of flavor ${flavor}${note}`, () => {
    let kafka: RunningKafka;
    const said: string[] = [];

    beforeAll(async () => {
      kafka = await startKafka({ env, onProgress: (line) => said.push(line) });
    });
    afterAll(() => kafka.stop());

    it('says which one it is', () => {
      expect(kafka.flavor).toBe(flavor);
      expect(said.at(-1)).toContain(kafka.brokers[0]);
    });

    it('listens on the loopback interface alone', () => {
      expect(kafka.brokers).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    });

    it('creates a topic on its first message and passes that on to a group', async () => {
      await expect(passOneMessage(kafka.brokers, 'first', 'hello')).resolves.toBe('hello');
    });

    it('is gone, with its folder, when its supervisor is killed', async () => {
      const other = await startKafka({ env, onProgress: () => {} });
      const supervisor = Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(other.pid)], { encoding: 'utf8' }));
      process.kill(supervisor, 'SIGKILL');
      await expect.poll(() => existsSync(other.folder ?? ''), { timeout: 60_000 }).toBe(false);
      await expect.poll(() => isRunning(other.pid), { timeout: 60_000 }).toBe(false);
      await other.stop();
    });

    it('is gone after stop, with its folder, and stop may be called again', async () => {
      const { pid, folder } = kafka;
      expect(isRunning(pid)).toBe(true);
      expect(existsSync(folder ?? '')).toBe(true);
      await kafka.stop();
      expect(isRunning(pid)).toBe(false);
      expect(existsSync(folder ?? '')).toBe(false);
      await kafka.stop();
    });
  });

  describe.skipIf(missing)(`whoever starts a broker of flavor ${flavor}${note}`, () => {
    let starter: ChildProcess | undefined;
    afterEach(() => starter?.kill('SIGKILL'));

    it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
      'leaves no broker and no folder when ended by %s',
      async (signal) => {
        const { pid, folder, ...started } = await startElsewhere('kafka', env);
        starter = started.starter;
        expect(isRunning(pid)).toBe(true);
        expect(existsSync(folder)).toBe(true);
        starter.kill(signal);
        await expect.poll(() => [isRunning(pid), existsSync(folder)], { timeout: 60_000 }).toEqual([false, false]);
      },
    );

    it('is not kept alive by it', async () => {
      const { pid, folder, ...started } = await startElsewhere('kafka', env, 'leave');
      starter = started.starter;
      await expect.poll(() => starter?.exitCode, { timeout: 60_000 }).toBe(0);
      await expect.poll(() => [isRunning(pid), existsSync(folder)], { timeout: 60_000 }).toEqual([false, false]);
    });
  });
}

describe.skipIf(apache.missing)(`Apache Kafka${apache.note}`, () => {
  let kafka: RunningKafka;
  beforeAll(async () => {
    kafka = await startKafka({ env: ours, need: 'apache', onProgress: () => {} });
  });
  afterAll(() => kafka.stop());

  it('keeps messages and its port over a kill and a restart', async () => {
    const { brokers, pid } = kafka;
    const producer = connect(brokers).producer();
    await producer.connect();
    await producer.send({ topic: 'kept', messages: [{ value: 'before' }] });
    await kafka.kill();
    expect(isRunning(pid)).toBe(false);

    await kafka.restart();
    expect(kafka.brokers).toEqual(brokers);
    expect(kafka.pid).not.toBe(pid);
    await producer.send({ topic: 'kept', messages: [{ value: 'after' }] });
    await producer.disconnect();
    await expect(readMessages(brokers, 'kept', 2)).resolves.toEqual(['before', 'after']);
  });

  it('has transactions', async () => {
    const producer = connect(kafka.brokers).producer({
      transactionalId: 'tx',
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'transacted', messages: [{ value: 'committed' }] });
    await transaction.commit();
    await producer.disconnect();
    await expect(readMessages(kafka.brokers, 'transacted', 1)).resolves.toEqual(['committed']);
  });

  it('keeps messages whose timestamp is of long ago', async () => {
    const producer = connect(kafka.brokers).producer();
    await producer.connect();
    await producer.send({ topic: 'old', messages: [{ value: 'of 1970', timestamp: '1000' }] });
    await producer.disconnect();
    await expect(readMessages(kafka.brokers, 'old', 1)).resolves.toEqual(['of 1970']);
  });

  it('is the broker of KAFKA_BROKERS when that is set, and is not stopped then', async () => {
    const borrowed = await startKafka({
      env: { ...ours, KAFKA_BROKERS: ` ${kafka.brokers[0]} ,` },
      onProgress: () => {},
    });
    expect(borrowed).toMatchObject({ flavor: 'external', brokers: kafka.brokers });
    await borrowed.stop();
    await expect(borrowed.kill()).rejects.toThrow('not ours');
    expect(isRunning(kafka.pid)).toBe(true);
  });
});

describe('a broker that is not there', () => {
  it('is named when KAFKA_BROKERS leads to it', async () => {
    // Listens and hangs up: a port that is certainly taken, and not by a Kafka.
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { untilReachable } = await import('../../src/kafka/external.ts');
    await expect(untilReachable([`127.0.0.1:${port}`], 300)).rejects.toThrow(`no Kafka answers on 127.0.0.1:${port}`);
    server.close();
  });

  it('is an error that names the ways out', async () => {
    const nothing = startKafka({ env: withoutJava, librdkafkaPackage: 'not-installed' });
    await expect(nothing).rejects.toThrow(/Java is not installed/);
    await expect(nothing).rejects.toThrow(/not-installed does not load/);
    await expect(nothing).rejects.toThrow(/KAFKA_BROKERS=/);
    await expect(nothing).rejects.toThrow(/docker run /);
    await expect(nothing).rejects.toThrow(/install Java 17 or later and Maven/);
  });

  it('is an error where only the small one is to be had and Apache Kafka is needed', async () => {
    await expect(startKafka({ env: withoutJava, need: 'apache' })).rejects.toThrow(/Apache Kafka is needed, but Java/);
  });
});

/** One call that gives a broker and takes it away again. */
import { startApacheKafka } from './apache.ts';
import type { Broker } from './broker.ts';
import { chooseKafka, noKafkaMessage, sayOnStderr, type KafkaFlavor, type KafkaOptions } from './choice.ts';
import { untilReachable } from './external.ts';
import { startLibrdkafka } from './librdkafka.ts';

export interface RunningKafka extends AsyncDisposable {
  /** `host:port` of each, as a client's `brokers` takes them. */
  readonly brokers: string[];
  readonly flavor: KafkaFlavor;
  /** The broker's process, a new one after `restart()`; `undefined` for one of `KAFKA_BROKERS`. */
  readonly pid: number | undefined;
  /** The folder with its data; `undefined` for one of `KAFKA_BROKERS`. */
  readonly folder: string | undefined;
  /** Ends the broker and removes its data; resolves when both are gone. Does nothing to a broker of `KAFKA_BROKERS`. */
  stop(): Promise<void>;
  /** Kills the broker with SIGKILL and keeps its data; resolves when it is gone. Rejects for one of `KAFKA_BROKERS`. */
  kill(): Promise<void>;
  /** Starts the broker again on the same port and data, stopping it before where it runs. Apache Kafka only. */
  restart(): Promise<void>;
}

/**
 * Starts a broker on free loopback ports, with its data in a temporary folder.
 * It never outlives this process, however that ends; and it does not keep this process alive.
 *
 * @example
 * ```ts
 * await using kafka = await startKafka();
 * const client = new Kafka({ brokers: kafka.brokers });
 * ```
 * @throws where there is no broker to be had: the message names the ways out.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const say = options.onProgress ?? sayOnStderr;
  const env = options.env ?? process.env;
  const choice = await chooseKafka(options);
  switch (choice.flavor) {
    case 'external': {
      say(`the broker of KAFKA_BROKERS, ${choice.brokers.join()}`);
      await untilReachable(choice.brokers);
      return external(choice.brokers);
    }
    case 'apache': {
      const broker = await startApacheKafka(choice.java, choice.jars, env);
      say(`Apache Kafka ${choice.jars.version} on ${broker.brokers.join()} (Java ${choice.java.major})`);
      return running('apache', broker);
    }
    case 'librdkafka': {
      const broker = await startLibrdkafka(choice.packageName);
      say(`librdkafka's own broker on ${broker.brokers.join()}, which lacks transactions (${choice.why})`);
      return running('librdkafka', broker);
    }
    default:
      throw new Error(noKafkaMessage(choice.why));
  }
}

function external(brokers: string[]): RunningKafka {
  const notOurs = (): Promise<never> => Promise.reject(new Error('The broker of KAFKA_BROKERS is not ours to end'));
  const stop = (): Promise<void> => Promise.resolve();
  return {
    brokers,
    flavor: 'external',
    pid: undefined,
    folder: undefined,
    stop,
    kill: notOurs,
    restart: notOurs,
    [Symbol.asyncDispose]: stop,
  };
}

function running(flavor: KafkaFlavor, broker: Broker): RunningKafka {
  const { supervised } = broker;
  supervised.keepAlive(false);
  const keptAlive = async (work: () => Promise<void>): Promise<void> => {
    supervised.keepAlive(true);
    try {
      await work();
    } finally {
      supervised.keepAlive(false);
    }
  };
  return {
    brokers: broker.brokers,
    flavor,
    get pid() {
      return broker.pid();
    },
    folder: supervised.folder,
    stop: () => supervised.end(),
    kill: () => keptAlive(broker.kill),
    restart: () => keptAlive(broker.restart),
    [Symbol.asyncDispose]: () => supervised.end(),
  };
}

/** One call that gives a broker and takes it away again. */
import { startApacheKafka } from './apache.ts';
import { borrowedHandle, ownHandle, type ServerHandle } from '../handle.ts';
import { chooseKafka, noKafkaMessage, sayOnStderr, type KafkaFlavor, type KafkaOptions } from './choice.ts';
import { untilReachable } from './external.ts';
import { startLibrdkafka } from './librdkafka.ts';

/** Of librdkafka's broker, `restart()` rejects. */
export interface RunningKafka extends ServerHandle {
  /** `host:port` of each, as a client's `brokers` takes them. */
  readonly brokers: string[];
  readonly flavor: KafkaFlavor;
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
      return Object.assign(borrowedHandle('KAFKA_BROKERS'), { flavor: choice.flavor, brokers: choice.brokers });
    }
    case 'apache': {
      const broker = await startApacheKafka(choice.java, choice.jars, env);
      say(`Apache Kafka ${choice.jars.version} on ${broker.brokers.join()} (Java ${choice.java.major})`);
      return Object.assign(ownHandle(broker), { flavor: choice.flavor, brokers: broker.brokers });
    }
    case 'librdkafka': {
      const broker = await startLibrdkafka(choice.packageName);
      say(`librdkafka's own broker on ${broker.brokers.join()}, which lacks transactions (${choice.why})`);
      return Object.assign(ownHandle(broker), { flavor: choice.flavor, brokers: broker.brokers });
    }
    default:
      throw new Error(noKafkaMessage(choice.why));
  }
}

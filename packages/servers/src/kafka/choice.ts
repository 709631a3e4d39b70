/** Which broker it is to be. */
import { fetchJars, findJars, KAFKA_JARS, type Jars } from '../jars.ts';
import { findJava, type Java } from '../java.ts';
import { findOnPath } from '../on-path.ts';
import { LIBRDKAFKA_PACKAGE, loadsLibrdkafka } from './librdkafka.ts';
import type { Environment } from '../supervised.ts';

export type KafkaFlavor = 'external' | 'apache' | 'librdkafka';

export interface KafkaOptions {
  /** `'apache'` refuses librdkafka's broker, which lacks transactions and most of administration. Default `'any'`. */
  need?: 'any' | 'apache' | undefined;
  /** Hears which broker it is and, while one is fetched, how far it is. Default: a line to standard error. */
  onProgress?: ((line: string) => void) | undefined;
  /** The environment to choose by and to run Java and Maven with. Default `process.env`. */
  env?: Environment | undefined;
  /** The npm package that carries librdkafka. Default `kafka-crab-js`. */
  librdkafkaPackage?: string | undefined;
}

export type Choice =
  | { flavor: 'external'; brokers: string[]; why: string }
  | { flavor: 'apache'; java: Java; jars: Jars; why: string }
  | { flavor: 'librdkafka'; packageName: string; why: string }
  | { flavor: undefined; why: string };

/**
 * Returns the broker to take: `KAFKA_BROKERS`, else Apache Kafka, its jars fetched when they are not there, else
 * librdkafka's where that is enough; and in `why`, what speaks for it or, with no flavor, against all.
 */
export async function chooseKafka(options: KafkaOptions = {}): Promise<Choice> {
  const { need = 'any', env = process.env, librdkafkaPackage = LIBRDKAFKA_PACKAGE, onProgress = sayOnStderr } = options;
  const brokers = (env['KAFKA_BROKERS'] ?? '').split(',').flatMap((address) => address.trim() || []);
  if (brokers.length > 0) return { flavor: 'external', brokers, why: 'KAFKA_BROKERS is set' };

  const java = await findJava(env, 'Kafka 4', 17);
  let lacking: string;
  if (typeof java === 'string') {
    lacking = java;
  } else if ((await findJars(KAFKA_JARS, env)) === undefined && (await findOnPath('mvn', env)) === undefined) {
    lacking = 'Maven is not installed';
  } else {
    try {
      const jars = await fetchJars(KAFKA_JARS, env, onProgress);
      return { flavor: 'apache', java, jars, why: `Java ${java.major} is there` };
    } catch (error) {
      lacking = error instanceof Error ? error.message : String(error);
    }
  }

  if (need === 'apache') return { flavor: undefined, why: `Apache Kafka is needed, but ${lacking}` };
  const small = await loadsLibrdkafka(librdkafkaPackage);
  if (small === true) return { flavor: 'librdkafka', packageName: librdkafkaPackage, why: lacking };
  return { flavor: undefined, why: `${lacking}, and ${small}` };
}

/** Never standard output: that belongs to whoever runs it. */
export function sayOnStderr(line: string): void {
  process.stderr.write(`kafka: ${line}\n`);
}

/** Returns the message for where there is no broker: why, and the ways out. */
export function noKafkaMessage(why: string): string {
  return [
    `No Kafka broker: ${why}. One of these helps:`,
    '- use a broker that runs already: KAFKA_BROKERS=127.0.0.1:9092',
    '- start one: docker run --rm -p 9092:9092 apache/kafka:4.3.0, then set KAFKA_BROKERS as above',
    '- install Java 17 or later and Maven: Apache Kafka is then fetched once and started by itself',
  ].join('\n');
}

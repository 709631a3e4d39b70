/** For suites that need a broker: whether there is one, and else why they are skipped. */
import { chooseKafka, noKafkaMessage, type KafkaFlavor, type KafkaOptions } from './choice.ts';

export interface KafkaAvailability {
  /** The broker that `startKafka()` takes, or `undefined` when there is none that does. */
  flavor: KafkaFlavor | undefined;
  /** There is no broker that does: the suite is to be skipped. */
  missing: boolean;
  /** Transactions and administration work: Apache Kafka, or the broker of `KAFKA_BROKERS`, which is trusted to. */
  apacheKafka: boolean;
  /** What speaks for the broker or, when it is missing, against all. */
  reason: string;
  /** For the end of a suite's title: the reason when it is skipped, else nothing. */
  note: string;
}

/**
 * Returns which broker `startKafka()` takes with the same options. Jars that are wanted are fetched now.
 *
 * @example
 * ```ts
 * const kafka = await kafkaAvailability({ need: 'apache' });
 * describe.skipIf(kafka.missing)(`transactions${kafka.note}`, () => { … });
 * ```
 * @throws with `REQUIRE_KAFKA=1`, where the suite would be skipped.
 */
export async function kafkaAvailability(options: KafkaOptions = {}): Promise<KafkaAvailability> {
  const { flavor, why } = await chooseKafka(options);
  const missing = flavor === undefined;
  if (missing && (options.env ?? process.env)['REQUIRE_KAFKA'] === '1') throw new Error(noKafkaMessage(why));
  return {
    flavor,
    missing,
    apacheKafka: flavor === 'apache' || flavor === 'external',
    reason: why,
    note: missing ? ` (skipped: ${why.split('\n', 1)[0]})` : '',
  };
}

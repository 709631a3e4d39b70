import { kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { Kafka, logLevel } from 'kafkajs';
import type { RetryOptions } from 'kafkajs';
import { Skipped } from './scenario.ts';

/** Starts an Apache Kafka of this scenario's own, which it may kill. */
export async function startBroker(): Promise<RunningKafka> {
  const env = { ...process.env, KAFKA_BROKERS: '' };
  const { missing, reason } = await kafkaAvailability({ need: 'apache', env });
  if (missing) throw new Skipped(reason);
  return startKafka({ need: 'apache', env, onProgress: () => {} });
}

// Neither waits longer from one try to the next, as kafkajs does by itself: half a minute at the end.
/** For what has to work sooner or later. */
const ENDURING: RetryOptions = { retries: 100, initialRetryTime: 100, maxRetryTime: 500, factor: 0 };
/** For what is to fail where there is no broker. */
export const SHORT_TEMPERED: RetryOptions = { retries: 3, initialRetryTime: 50, maxRetryTime: 200, factor: 0 };

/** A client that logs nothing: kafkajs reports an ordinary start-up as errors. */
export function connect(brokers: string[], retry: RetryOptions = ENDURING): Kafka {
  return new Kafka({ brokers, clientId: 'soak', logLevel: logLevel.NOTHING, connectionTimeout: 1000, retry });
}

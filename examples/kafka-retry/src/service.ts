/** What each of the services starts and ends with. */
import { traceProducer } from '@throughline/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { startTelemetry } from './telemetry.ts';
import { topicsOf } from './topics.ts';

const [brokers = '', work = ''] = process.argv.slice(2);

export const topics = topicsOf(work);

export interface Service {
  readonly kafka: Kafka;
  readonly producer: ReturnType<typeof traceProducer<ReturnType<Kafka['producer']>>>;
  /** Disconnects, sends the last spans, and lets the process end. */
  readonly stop: (...consumers: readonly { disconnect(): Promise<void> }[]) => Promise<void>;
}

export async function startService(name: string): Promise<Service> {
  const telemetry = startTelemetry(name);
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: name, logLevel: logLevel.NOTHING });
  const producer = traceProducer(kafka.producer(), { agent: name });
  await producer.connect();
  return {
    kafka,
    producer,
    stop: async (...consumers) => {
      for (const consumer of consumers) await consumer.disconnect();
      await producer.disconnect();
      await telemetry.shutdown();
      process.disconnect?.();
    },
  };
}

import { createTopics } from '@throughline/servers';
import { Kafka, logLevel } from 'kafkajs';
import type { Consumer, EachMessagePayload, KafkaMessage } from 'kafkajs';

/** A client of a broker of the tests. It logs nothing: kafkajs reports an ordinary start-up as errors. */
export function connect(brokers: string[]): Kafka {
  return new Kafka({
    brokers,
    clientId: 'tests',
    logLevel: logLevel.NOTHING,
    retry: { retries: 10, initialRetryTime: 30, maxRetryTime: 300 },
  });
}

let topics = 0;

/** Returns a new topic of one partition. */
export async function newTopic(kafka: Kafka, name: string): Promise<string> {
  const topic = `${name}-${process.pid}-${topics++}`;
  const admin = kafka.admin();
  await admin.connect();
  await createTopics(admin, [{ topic, numPartitions: 1 }]);
  await admin.disconnect();
  return topic;
}

/** Returns a consumer of a group of its own, connected and subscribed to the topics from their beginning. */
export async function subscribed(consumer: Consumer, ...names: string[]): Promise<Consumer> {
  await consumer.connect();
  await consumer.subscribe({ topics: names, fromBeginning: true });
  return consumer;
}

export function newConsumer(kafka: Kafka, groupId = `g-${process.pid}-${topics++}`): Consumer {
  return kafka.consumer({
    groupId,
    maxWaitTimeInMs: 50,
    retry: { retries: 3, initialRetryTime: 20, maxRetryTime: 50 },
  });
}

/** Runs `handler` for the first `count` messages of the topics, and returns once the last has been handled and the consumer is gone. */
export async function handleAll(
  consumer: Consumer,
  names: string[],
  count: number,
  handler: (payload: EachMessagePayload) => Promise<void>,
): Promise<void> {
  await subscribed(consumer, ...names);
  let handled = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async (payload) => {
            await handler(payload);
            if (++handled === count) setImmediate(resolve);
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

/** Returns the first `count` messages of a topic as they are on the broker. */
export async function readAll(kafka: Kafka, topic: string, count: number): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = [];
  await handleAll(newConsumer(kafka), [topic], count, async ({ message }) => void messages.push(message));
  return messages;
}

/** Headers as text. */
export function textOf(headers: KafkaMessage['headers']): Record<string, unknown> {
  const text = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(text) : value === null || value === undefined ? value : String(value);
  return Object.fromEntries(Object.entries(headers ?? {}).map(([key, value]) => [key, text(value)]));
}

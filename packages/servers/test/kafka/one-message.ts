import { Kafka, logLevel } from 'kafkajs';

/** Sends a message to a topic that is not there yet, and returns the value that a new group receives from it. */
export async function passOneMessage(brokers: string[], topic: string, value: string): Promise<string> {
  const client = connect(brokers);
  const producer = client.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
  return (await readMessages(brokers, topic, 1))[0] ?? '';
}

/** Returns the first `count` values of a topic. */
export async function readMessages(brokers: string[], topic: string, count: number): Promise<string[]> {
  const consumer = connect(brokers).consumer({ groupId: `${topic}-${Math.random()}`, maxWaitTimeInMs: 50 });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            if (values.push(message.value?.toString() ?? '') === count) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return values;
}

export function connect(brokers: string[]): Kafka {
  return new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
  });
}

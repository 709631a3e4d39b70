import { createTopics } from '@throughline/servers';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import type { Kafka, Message } from 'kafkajs';
import { connect, startBroker } from '../kafka.ts';
import { options } from '../options.ts';
import type { Scenario, Soak } from '../scenario.ts';

const TOPICS = 2000;
const TOPICS_A_STEP = 10;
const MESSAGES_A_TOPIC = 100;
const AT_ONCE = 10;

/** Messages over so many topics that whatever is kept for each of them shows: 10 topics and a consumer of their own in each step. */
export const scenario: Scenario = {
  name: 'topics',
  unit: 'messages',
  count: TOPICS * MESSAGES_A_TOPIC,
  async start(soak) {
    const broker = await startBroker();
    const kafka = connect(broker.brokers);
    const admin = kafka.admin();
    await admin.connect();
    const producer = traceProducer(kafka.producer(), options);
    await producer.connect();
    let step = 0;
    return {
      async step() {
        // Past the last the first ones come again, and the offsets of their group with them.
        const set = step++ % (TOPICS / TOPICS_A_STEP);
        const topics = Array.from({ length: TOPICS_A_STEP }, (_, nth) => `topic-${set}-${nth}`);
        if (step <= TOPICS / TOPICS_A_STEP) await createTopics(admin, topics.map(oneSmallPartition));
        const sent = new Set<string>();
        const { received, disconnect } = await consumerOf(soak, kafka, topics, `group-${set}`, sent);
        for (let round = 0; round < MESSAGES_A_TOPIC / AT_ONCE; round++)
          await Promise.all(
            topics.map((topic) =>
              soak.chain(async (chain) => {
                const messages = Array.from({ length: AT_ONCE }, (_, nth) =>
                  message(chain, `${topic} ${step} ${round} ${nth}`),
                );
                for (const { key } of messages) sent.add(String(key));
                if (soak.random.chance(0.5)) await producer.send({ topic, messages });
                else await producer.sendBatch({ topicMessages: [{ topic, messages }] });
                soak.here(chain, 'sender');
              }),
            ),
          );
        await received();
        await disconnect();
        return TOPICS_A_STEP * MESSAGES_A_TOPIC;
      },
      async stop() {
        await producer.disconnect();
        await admin.disconnect();
        await broker.stop();
      },
    };
  },
};

// An index file is 10 MB by default, and there are two in each of 2,000.
const oneSmallPartition = (topic: string) => ({
  topic,
  numPartitions: 1,
  configEntries: [{ name: 'segment.index.bytes', value: '4096' }],
});

const message = (chain: string, key: string): Message => ({ key, value: chain });

/** Starts a consumer of topics; `received` resolves once all of `sent` have been handled. */
async function consumerOf(
  soak: Soak,
  kafka: Kafka,
  topics: string[],
  groupId: string,
  sent: Set<string>,
): Promise<{ received: () => Promise<void>; disconnect: () => Promise<void> }> {
  const consumer = traceConsumer(kafka.consumer({ groupId, maxWaitTimeInMs: 50 }), options);
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  let empty: (() => void) | undefined;
  await consumer.run({
    partitionsConsumedConcurrently: 8,
    eachMessage: async ({ message: { key, value } }) => {
      soak.here(value?.toString(), 'handler');
      sent.delete(String(key));
      if (sent.size === 0) empty?.();
    },
  });
  return {
    received: () => new Promise((resolve) => (sent.size === 0 ? resolve() : (empty = resolve))),
    disconnect: () => consumer.disconnect(),
  };
}

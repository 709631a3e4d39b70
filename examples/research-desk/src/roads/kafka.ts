import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { createTopics } from '@throughline/servers';
import { Kafka, logLevel } from 'kafkajs';
import type { Admin, Consumer } from 'kafkajs';
import { setting } from '../desk.ts';
import { broker, endsOf, queueName } from './road.ts';
import type { Member, OpenRoad } from './road.ts';

/** Two topics: of tasks, with a partition for each of two analysts, and of results. */
export const openKafka: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'kafka');
  const kafka = client(member.name);
  const isMaker = member.sends === 'tasks';
  const topic = queueName(member.sends);
  const producer = sender(traceProducer)(kafka.producer(), sending);
  // Quick to answer and to notice that another member has come.
  const consumer = receiver(traceConsumer)(
    kafka.consumer({ groupId: queueName(member.receives), maxWaitTimeInMs: 100, heartbeatInterval: 300 }),
    member.options,
  );
  if (isMaker) await makeTopics(kafka);
  await producer.connect();
  await consumer.connect();
  return {
    async send(texts) {
      await producer.send({ topic, messages: texts.map((value) => ({ value })) });
    },
    async receive(handle) {
      await consumer.subscribe({ topic: queueName(member.receives), fromBeginning: true });
      const joined = assigned(consumer);
      await consumer.run({
        eachMessage: async ({ message }) => {
          const answer = await handle(message.value?.toString() ?? '');
          if (answer !== undefined) await producer.send({ topic, messages: [{ value: answer }], reply: true });
        },
      });
      await joined;
    },
    async close() {
      await consumer.disconnect();
      await producer.disconnect();
      // From a broker that stays.
      if (isMaker && setting('DESK_BROKER_FLAVOR') === 'external') {
        await administer(kafka, (admin) => admin.deleteTopics({ topics: [queueName('tasks'), queueName('results')] }));
      }
    },
  };
};

/** It logs nothing: kafkajs reports an ordinary start-up as errors. */
function client(clientId: Member['name']): Kafka {
  return new Kafka({
    clientId,
    brokers: broker().split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 8 },
  });
}

/** Resolves when the consumer is in its group and has partitions to read; a later member may take some away again. */
function assigned(consumer: Consumer): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (Object.values(payload.memberAssignment).some((partitions) => partitions.length > 0)) resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
  });
}

/** Resolves when the topics have leaders. */
async function makeTopics(kafka: Kafka): Promise<void> {
  // The small broker takes no administration: it makes topics when they are first asked for.
  if (setting('DESK_BROKER_FLAVOR') === 'librdkafka') return;
  await administer(kafka, (admin) =>
    createTopics(admin, [
      { topic: queueName('tasks'), numPartitions: 2 },
      { topic: queueName('results'), numPartitions: 1 },
    ]),
  );
}

async function administer(kafka: Kafka, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 3 } });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

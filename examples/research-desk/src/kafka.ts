import { createTopics } from '@throughline/servers';
import { Kafka, logLevel } from 'kafkajs';
import type { Admin, Consumer, KafkaMessage } from 'kafkajs';
import type * as z from 'zod';
import { say } from './agent.ts';
import { setting } from './desk.ts';

/** The two topics of the desk. On a broker that others share too, their names are this run's own. */
export interface Topics {
  readonly tasks: string;
  readonly results: string;
}

/** The topics that the starter chose. */
export function topics(): Topics {
  return { tasks: setting('DESK_TASKS_TOPIC'), results: setting('DESK_RESULTS_TOPIC') };
}

/** A client of the desk's broker. It logs nothing: kafkajs reports an ordinary start-up as errors. */
export function kafkaClient(clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: setting('DESK_BROKERS').split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 8 },
  });
}

/** A consumer of the desk. It is quick to answer and to notice that another member has come. */
export function deskConsumer(kafka: Kafka, groupId: string): Consumer {
  return kafka.consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 300 });
}

/** Resolves when the consumer is in its group and has partitions to read; a later member may take some away again. */
export function assigned(consumer: Consumer): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (Object.values(payload.memberAssignment).some((partitions) => partitions.length > 0)) resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
  });
}

/** What a message says, `undefined` where it is not what the desk sends: an error would stop the consumer for good. */
export function parseMessage<T>(schema: z.ZodType<T>, message: KafkaMessage): T | undefined {
  try {
    return schema.parse(JSON.parse(message.value?.toString() ?? ''));
  } catch (error) {
    say(`passes over a message that it cannot read: ${String(error)}`);
    return undefined;
  }
}

/** Creates the topics, with a partition of tasks for each of two analysts. Resolves when they have leaders. */
export async function makeTopics(kafka: Kafka, { tasks, results }: Topics): Promise<void> {
  // The small broker takes no administration: it makes topics when they are first asked for.
  if (setting('DESK_BROKER_FLAVOR') === 'librdkafka') return;
  await administer(kafka, (admin) =>
    createTopics(admin, [
      { topic: tasks, numPartitions: 2 },
      { topic: results, numPartitions: 1 },
    ]),
  );
}

/** Removes the topics from a broker that stays. */
export async function deleteTopics(kafka: Kafka, { tasks, results }: Topics): Promise<void> {
  if (setting('DESK_BROKER_FLAVOR') !== 'external') return;
  await administer(kafka, (admin) => admin.deleteTopics({ topics: [tasks, results] }));
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

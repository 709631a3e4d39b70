import { setTimeout } from 'node:timers/promises';

/** The part of a kafkajs `Admin` that makes topics. */
interface TopicAdmin {
  createTopics(options: { topics: NewTopic[]; waitForLeaders: boolean }): Promise<boolean>;
  fetchTopicMetadata(options: { topics: string[] }): Promise<unknown>;
}

interface NewTopic {
  topic: string;
  numPartitions: number;
  configEntries?: { name: string; value: string }[];
}

const DEADLINE = 30_000;
const notYet = new Set<unknown>(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

/**
 * Makes topics that are not there, and resolves once all have leaders; rejects with the broker's own error after 30 s. The
 * `waitForLeaders` of kafkajs gives up where a KRaft broker does not know yet what it has just made.
 */
export async function createTopics(admin: TopicAdmin, topics: NewTopic[]): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  for (const started = performance.now(); ; await setTimeout(50)) {
    try {
      await admin.fetchTopicMetadata({ topics: names });
      return;
    } catch (error) {
      if (!notYet.has((error as { type?: unknown }).type) || performance.now() - started > DEADLINE) throw error;
    }
  }
}

import { inspect } from 'node:util';
import { createTopics } from '@throughline/servers';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import type { Producer, ProducerRecord } from 'kafkajs';
import { connect, SHORT_TEMPERED, startBroker } from '../kafka.ts';
import { options } from '../options.ts';
import { ACKNOWLEDGED, outageScenario } from '../outage.ts';
import type { Ends, Outcome, Side } from '../outage.ts';
import type { Scenario, Soak } from '../scenario.ts';

/** Kafka, by kafkajs. */
export const scenario: Scenario = outageScenario({
  name: 'outage',
  async start() {
    const broker = await startBroker();
    return { broker, connect: (side, soak) => connectTo(broker.brokers, side, soak) };
  },
});

async function connectTo(brokers: string[], side: Side, soak: Soak): Promise<Ends> {
  const { name: topic } = side;
  const isTraced = topic === 'traced';
  const admin = connect(brokers).admin();
  await admin.connect();
  await createTopics(admin, [{ topic, numPartitions: 4 }]);
  await admin.disconnect();

  const thrown = new WeakMap<object, string>();
  const bare = remembering(connect(brokers, SHORT_TEMPERED).producer(), thrown);
  const producer = isTraced ? traceProducer(bare, options) : bare;
  await producer.connect();

  const group = { groupId: topic, maxWaitTimeInMs: 50, sessionTimeout: 6000, heartbeatInterval: 500 };
  const plain = connect(brokers).consumer(group);
  const consumer = isTraced ? traceConsumer(plain, options) : plain;
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      side.here(message.value?.toString(), 'handler');
      side.arrived(String(message.key));
    },
  });
  return {
    send: (keys) =>
      side.chain((chain) =>
        producer.send({ topic, messages: keys.map((key) => ({ key, value: chain })) }).then(
          () => {
            side.here(chain, 'sender');
            return ACKNOWLEDGED;
          },
          (error: unknown) => {
            side.here(chain, 'sender that failed');
            if (thrown.get(error as object) !== inspect(error))
              soak.differs(`not the error of kafkajs as it was: ${inspect(error)}`);
            return outcomeOf(error);
          },
        ),
      ),
    async stop() {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
}

/** Keeps how each error looks that `send` rejects with. */
function remembering(producer: Producer, thrown: WeakMap<object, string>): Producer {
  return {
    ...producer,
    send: (record: ProducerRecord) =>
      producer.send(record).catch((error: unknown) => {
        thrown.set(error as object, inspect(error));
        throw error;
      }),
  };
}

function outcomeOf(error: unknown): Outcome {
  const { name, type, retriable, cause } = error as Error & { type?: unknown; retriable?: unknown };
  return [name, type, retriable, (cause as Error | undefined)?.name].map(String).join(' ');
}

import { inspect } from 'node:util';
import { createTopics } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import type { Consumer, EachMessagePayload, Producer, ProducerRecord } from 'kafkajs';
import { connect, SHORT_TEMPERED, startBroker } from '../kafka.ts';
import { options } from '../options.ts';
import type { Scenario, Soak } from '../scenario.ts';

const ROUND = 20_000;
const STEP = 1000;
const IN_ONE_SEND = 100;
const SENDS_IN_OUTAGE = 5;

/**
 * The broker is killed and started again in the middle of 20,000 messages, which a traced client and a bare one beside it send and
 * receive. Both must fare the same: what is acknowledged, what fails, with which errors, and what arrives.
 */
export const scenario: Scenario = {
  name: 'outage',
  unit: 'messages',
  count: ROUND,
  least: ROUND,
  async start(soak) {
    const broker = await startBroker();
    const [bare, traced] = [await bareSide(broker.brokers), await tracedSide(soak, broker.brokers)] as const;
    const sides = [bare, traced] as const;
    let done = 0;
    return {
      async step() {
        if (done % ROUND === ROUND / 2) await outage(soak, broker, sides);
        else compare(soak, 'with the broker up', await sendMany(sides, STEP / IN_ONE_SEND));
        for (const side of sides) await side.received();
        done += STEP;
        return STEP;
      },
      async stop() {
        for (const side of sides) await side.stop();
        await broker.stop();
      },
    };
  },
};

async function outage(soak: Soak, broker: RunningKafka, sides: readonly Side[]): Promise<void> {
  const down = new AbortController();
  const killed = broker.kill().finally(() => down.abort());
  const caught: Outcome[] = [];
  while (!down.signal.aborted) caught.push(...(await sendMany(sides, SENDS_IN_OUTAGE)).flat());
  await killed;
  const refused = await sendMany(sides, SENDS_IN_OUTAGE);
  compare(soak, 'with the broker down', refused);
  const [errors = []] = refused;
  if (errors.includes(ACKNOWLEDGED)) soak.differs('a broker that is down acknowledges');
  // Which of those on their way at the kill are acknowledged is chance. What the others fail with is not.
  for (const outcome of caught)
    if (outcome !== ACKNOWLEDGED && !errors.includes(outcome))
      soak.differs(`a send at the kill failed with ${outcome}`);
  soak.tally('not acknowledged', caught.filter((outcome) => outcome !== ACKNOWLEDGED).length * IN_ONE_SEND);
  await broker.restart();
  for (const { send } of sides) while ((await send()) !== ACKNOWLEDGED);
  soak.tally('kills');
}

function compare(soak: Soak, when: string, [bare = [], traced = []]: readonly Outcome[][]): void {
  if (bare.join() !== traced.join())
    soak.differs(`${when} the bare client had ${bare.join()}, the traced one ${traced.join()}`);
}

/** Has each side send so often, both at once; returns how that came out, by side. */
const sendMany = (sides: readonly Side[], count: number): Promise<Outcome[][]> =>
  Promise.all(sides.map(({ send }) => Promise.all(Array.from({ length: count }, send))));

/** How a send came out: acknowledged, or what tells its error from others. */
type Outcome = string;
const ACKNOWLEDGED: Outcome = 'acknowledged';

/** One of the two clients. */
interface Side {
  /** Sends a hundred messages. */
  readonly send: () => Promise<Outcome>;
  /** Resolves once all that was acknowledged has been received. */
  received(): Promise<void>;
  stop(): Promise<void>;
}

async function bareSide(brokers: string[]): Promise<Side> {
  const { producer, consumer } = clients('bare', brokers);
  const send = (messages: Messages): Promise<Outcome> =>
    producer.send(recordOf('bare', messages)).then(() => ACKNOWLEDGED, outcomeOf);
  return sideOf('bare', brokers, producer, consumer, send, () => {});
}

async function tracedSide(soak: Soak, brokers: string[]): Promise<Side> {
  const { producer: bare, consumer } = clients('traced', brokers);
  const thrown = new WeakMap<object, string>();
  const producer = traceProducer(
    {
      ...bare,
      send: (record: ProducerRecord) =>
        bare.send(record).catch((error: unknown) => {
          thrown.set(error as object, inspect(error));
          throw error;
        }),
    },
    options,
  );
  const send = (messages: Messages): Promise<Outcome> =>
    soak.chain((chain) =>
      producer.send(recordOf('traced', messages, chain)).then(
        () => {
          soak.here(chain, 'sender');
          return ACKNOWLEDGED;
        },
        (error: unknown) => {
          soak.here(chain, 'sender that failed');
          if (thrown.get(error as object) !== inspect(error))
            soak.differs(`not the error of kafkajs as it was: ${inspect(error)}`);
          return outcomeOf(error);
        },
      ),
    );
  return sideOf('traced', brokers, producer, traceConsumer(consumer, options), send, ({ message }) =>
    soak.here(message.value?.toString(), 'handler'),
  );
}

type Messages = readonly string[];

const recordOf = (topic: string, keys: Messages, value = ''): ProducerRecord => ({
  topic,
  messages: keys.map((key) => ({ key, value })),
});

function outcomeOf(error: unknown): Outcome {
  const { name, type, retriable, cause } = error as Error & { type?: unknown; retriable?: unknown };
  return [name, type, retriable, (cause as Error | undefined)?.name].map(String).join(' ');
}

/** Clients of their own for the two ends: the producer gives up soon, the consumer never. */
function clients(topic: string, brokers: string[]): { producer: Producer; consumer: Consumer } {
  return {
    producer: connect(brokers, SHORT_TEMPERED).producer(),
    consumer: connect(brokers).consumer({
      groupId: topic,
      maxWaitTimeInMs: 50,
      sessionTimeout: 6000,
      heartbeatInterval: 500,
    }),
  };
}

async function sideOf(
  topic: string,
  brokers: string[],
  producer: Producer,
  consumer: Consumer,
  send: (messages: Messages) => Promise<Outcome>,
  handle: (payload: EachMessagePayload) => void,
): Promise<Side> {
  const admin = connect(brokers).admin();
  await admin.connect();
  await createTopics(admin, [{ topic, numPartitions: 4 }]);
  await admin.disconnect();
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  // Acknowledged and not received yet; received and not acknowledged yet.
  const due = new Set<string>();
  const early = new Set<string>();
  let emptied: (() => void) | undefined;
  await consumer.run({
    eachMessage: async (payload) => {
      handle(payload);
      const key = String(payload.message.key);
      if (!due.delete(key)) early.add(key);
      else if (due.size === 0) emptied?.();
    },
  });
  let sent = 0;
  return {
    async send() {
      const keys = Array.from({ length: IN_ONE_SEND }, () => String(sent++));
      const outcome = await send(keys);
      if (outcome === ACKNOWLEDGED) for (const key of keys) if (!early.delete(key)) due.add(key);
      return outcome;
    },
    async received() {
      if (due.size > 0) await new Promise<void>((resolve) => (emptied = resolve));
      early.clear();
    },
    async stop() {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
}

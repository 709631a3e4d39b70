import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import type { EachMessagePayload, IHeaders, ProducerRecord } from 'kafkajs';
import { afterAll, beforeAll, it } from 'vitest';
import { traceConsumer, traceProducer, tracedEachBatch, tracedEachMessage } from '../src/index.ts';
import { kafka, onBroker, plain, telemetry } from './on-broker.ts';
import { newConsumer, newTopic, subscribed, textOf } from './topics.ts';

type EachMessage = (payload: EachMessagePayload) => unknown;

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

// One topic and one consumer of it for all: what arrives is told by its key.
let topic: string;
let messages = 0;
const awaited = new Map<string, (payload: EachMessagePayload) => void>();
const newKey = (): string => `message-${messages++}`;
const arrived = (key: string): Promise<EachMessagePayload> => new Promise((resolve) => awaited.set(key, resolve));

function headersOf(fields: readonly Field[]): IHeaders {
  const headers: IHeaders = {};
  for (const [name, value] of fields) {
    const encodable = value instanceof Uint8Array ? Buffer.from(value) : String(value);
    const held = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const all = held === undefined ? encodable : [held, encodable].flat();
    Object.defineProperty(headers, name, { value: all, enumerable: true, configurable: true, writable: true });
  }
  return headers;
}

const fieldsOf = ({ message }: EachMessagePayload): Field[] =>
  Object.entries(textOf(message.headers)).flatMap(([name, value]) => [value].flat().map((one): Field => [name, one]));

const harness: AdapterHarness = {
  name: 'kafkajs',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    open({ options, twice }) {
      let instead: (() => unknown) | undefined;
      let called = false;
      const send = (record: ProducerRecord): unknown => {
        if (instead !== undefined) return instead();
        called = true;
        return plain.send(record);
      };
      const once = traceProducer({ ...plain, send: send as typeof plain.send }, options);
      const producer = twice ? traceProducer(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          called = false;
          const key = newKey();
          const received = arrived(key);
          const headers = call.fields && { headers: call.fields as IHeaders };
          const record = deepFreeze({ topic, messages: [{ key, value: 'x', ...headers }] });
          const outcome = await outcomeOf(() => producer.send(record));
          return { outcome, wire: called && !outcome.failed ? fieldsOf(await received) : undefined };
        },
      };
    },
  },
  inbound: {
    async open({ options, twice }) {
      const arrivals = new Map<string, Arrival>();
      let eachMessage: EachMessage | undefined;
      const run = async (config?: { eachMessage?: EachMessage }): Promise<void> =>
        void (eachMessage = config?.eachMessage);
      const once = traceConsumer({ run }, options);
      const consumer = twice ? traceConsumer(once, options) : once;
      await consumer.run({ eachMessage: ({ message }) => arrivals.get(String(message.key))?.handle() });
      return {
        async deliver(arrival) {
          const key = newKey();
          arrivals.set(key, arrival);
          const received = arrived(key);
          // In the context of whoever delivers, which is then what is ambient.
          const outcome = received.then((payload): Promise<Outcome> => outcomeOf(() => eachMessage?.(payload)));
          await plain.send({ topic, messages: [{ key, value: 'x', headers: headersOf(arrival.fields) }] });
          return outcome;
        },
      };
    },
  },
};

const producers: AdapterHarness = {
  name: 'a kafkajs producer',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'send',
    library: () => ({ ...plain }),
    wrap: (object, options) => traceProducer(object as unknown as typeof plain, options) as unknown as typeof object,
    use: async (producer, method) => producer[method]?.({ topic, messages: [{ key: newKey(), value: 'x' }] }),
  },
};

const consumers: AdapterHarness = {
  name: 'a kafkajs consumer',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'run',
    library: () => ({
      async run(config: { eachMessage: EachMessage }) {
        const key = newKey();
        const received = arrived(key);
        await plain.send({ topic, messages: [{ key, value: 'x' }] });
        await config.eachMessage(await received);
      },
    }),
    wrap: (object, options) => traceConsumer(object as never, options) as typeof object,
    use: async (consumer, method) => consumer[method]?.({ eachMessage: async () => {} }),
  },
};

const received = { topic: 'tasks', partition: 0, message: { key: null, value: null, offset: '0', headers: {} } };
const more = { signal: new AbortController().signal };

const handlers: AdapterHarness = {
  name: 'a kafkajs handler',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  functions: {
    wrap: (handler, options) => tracedEachMessage(handler as never, options) as typeof handler,
    args: () => [received, more],
  },
};

const batchHandlers: AdapterHarness = {
  ...handlers,
  name: 'a kafkajs handler of batches',
  functions: {
    wrap: (handler, options) => tracedEachBatch(handler as never, options) as typeof handler,
    args: () => [{ batch: { topic: 'tasks', partition: 0, messages: [received.message] } }, more],
  },
};

onBroker('the contract', () => {
  const consumer = { disconnect: async (): Promise<void> => {} };
  beforeAll(async () => {
    topic = await newTopic(kafka, 'contract');
    const real = await subscribed(newConsumer(kafka), topic);
    consumer.disconnect = () => real.disconnect();
    await real.run({
      eachMessage: async (payload) => {
        const key = String(payload.message.key);
        awaited.get(key)?.(payload);
        awaited.delete(key);
      },
    });
  });
  afterAll(() => consumer.disconnect());

  for (const one of [harness, producers, consumers, handlers, batchHandlers]) {
    for (const { name, run } of adapterContract(one)) it(name, run);
  }
});

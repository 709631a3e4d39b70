import assert from 'node:assert/strict';
import { Admin, Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka';
import type { Message, MessagesStream } from '@platformatic/kafka';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import { kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceConsumer, tracedMessage, traceProducer } from '../src/index.ts';

const available = await kafkaAvailability({ need: 'apache' });

let telemetry: Telemetry;
let broker: RunningKafka;
let producer: Producer;
let consumer: Consumer;
let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>;
const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

// One topic and one stream of it for all: what arrives is told by its key.
const topic = `contract-${process.pid}`;
let messages = 0;
const awaited = new Map<string, (message: Message) => void>();
const newKey = (): string => `message-${messages++}`;
const arrived = (key: string): Promise<Message> => new Promise((resolve) => awaited.set(key, resolve));

const bytes = (value: unknown): Buffer => Buffer.from(value instanceof Uint8Array ? value : String(value));
const messageOf = (key: string, fields: readonly Field[] | undefined) => ({
  topic,
  key: Buffer.from(key),
  value: Buffer.from('x'),
  // Keys are objects, so that one name may come twice.
  ...(fields && { headers: new Map(fields.map(([name, value]) => [bytes(name), bytes(value)])) }),
});

// The first releases have the Map alone, whose keys are objects too.
const fieldsOf = ({ headerEntries, headers }: Message): Field[] =>
  [...((headerEntries as typeof headerEntries | undefined) ?? headers)].map(([name, value]) => [
    String(name),
    String(value),
  ]);

const harness: AdapterHarness = {
  name: '@platformatic/kafka',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    open({ options, twice }) {
      let instead: (() => unknown) | undefined;
      let called = false;
      const send = (record: Parameters<Producer['send']>[0]): unknown => {
        if (instead !== undefined) return instead();
        called = true;
        return producer.send(record);
      };
      const client = { send: send as Producer['send'], close: () => {} };
      const once = traceProducer(client, options);
      const traced = twice ? traceProducer(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          called = false;
          const key = newKey();
          const received = arrived(key);
          const message = messageOf(key, call.fields && Object.entries(call.fields));
          const before = [...(message.headers ?? [])].map(String);
          const record = deepFreeze({ messages: [message] });
          const outcome = await outcomeOf(() => traced.send(record));
          assert.deepEqual([...(message.headers ?? [])].map(String), before, 'the Map of headers is as it was');
          return { outcome, wire: called && !outcome.failed ? fieldsOf(await received) : undefined };
        },
      };
    },
  },
  inbound: {
    async open({ options, twice }) {
      const client = { consume: async (_options: object) => stream };
      const once = traceConsumer(client, options);
      const traced = await (twice ? traceConsumer(once, options) : once).consume({ topics: [topic] });
      return {
        async deliver({ fields, handle }) {
          const key = newKey();
          const received = arrived(key);
          // In the context of whoever delivers, which is then what is ambient.
          const outcome = received.then((message): Promise<Outcome> =>
            outcomeOf(() => traced.process(message, handle)),
          );
          await producer.send({ messages: [messageOf(key, fields)] });
          return outcome;
        },
      };
    },
  },
};

const producers: AdapterHarness = {
  name: 'a producer of @platformatic/kafka',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'send',
    library: () => producer,
    wrap: (object, options) => traceProducer(object as unknown as Producer, options) as unknown as typeof object,
    use: async (object, method) => object[method]?.({ messages: [messageOf(newKey(), undefined)] }),
  },
};

const handlers: AdapterHarness = {
  name: 'a handler of @platformatic/kafka',
  transport: 'kafka',
  carrier: 'message',
  telemetry: sdk,
  functions: {
    wrap: (handler, options) => tracedMessage(handler as never, options) as typeof handler,
    // As the `forEach` of a stream calls it.
    args: () => [{ topic, partition: 0, key: 'k', headers: new Map() }, { signal: new AbortController().signal }],
  },
};

describe.skipIf(available.missing)(`the contract${available.note}`, () => {
  beforeAll(async () => {
    telemetry = startTelemetry();
    broker = await startKafka({ need: 'apache' });
    const base = { clientId: 'contract', bootstrapBrokers: broker.brokers, autocreateTopics: true };
    const admin = new Admin(base);
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
    await admin.close();
    producer = new Producer(base);
    consumer = new Consumer({ ...base, groupId: topic });
    stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, maxWaitTime: 20 });
    stream.on('data', (message) => {
      const key = String(message.key);
      awaited.get(key)?.(message);
      awaited.delete(key);
    });
  });
  afterAll(async () => {
    await consumer?.close(true);
    await producer?.close();
    await broker?.stop();
    await telemetry.shutdown();
  });

  for (const one of [harness, producers, handlers]) {
    for (const { name, run } of adapterContract(one)) it(name, run);
  }
});

import { pipeline } from 'node:stream/promises';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  Admin,
  Consumer,
  jsonSerializer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import type { Message, ProduceResult, SendOptions } from '@platformatic/kafka';
import { isLineageError, withBudget } from '@throughline/core';
import { kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import {
  extractContext,
  forwardHeaders,
  injectHeaders,
  traceConsumer,
  tracedMessage,
  traceProducer,
} from '../src/index.ts';
import type { ConsumerOptions, SendExtras, TracedProducer } from '../src/index.ts';

const available = await kafkaAvailability({ need: 'apache' });
const other = '00-11111111111111111111111111111111-2222222222222222-01';
const another = '00-33333333333333333333333333333333-4444444444444444-01';

describe.skipIf(available.missing)(`@platformatic/kafka on a real broker${available.note}`, () => {
  let broker: RunningKafka;
  let telemetry: ReturnType<typeof startTelemetry>;
  let producer: Producer;
  const open: { close(force?: boolean): Promise<void> }[] = [];
  let topics = 0;

  const base = (): { clientId: string; bootstrapBrokers: string[]; autocreateTopics: boolean } => ({
    clientId: 'tests',
    bootstrapBrokers: broker.brokers,
    autocreateTopics: true,
  });

  beforeAll(async () => {
    telemetry = startTelemetry();
    broker = await startKafka({ need: 'apache' });
    producer = new Producer(base());
  });
  beforeEach(() => telemetry.reset());
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close(true);
  });
  afterAll(async () => {
    await producer?.close();
    await broker?.stop();
    await telemetry.shutdown();
  });

  async function newTopic(name: string, partitions = 1): Promise<string> {
    const topic = `${name}-${process.pid}-${topics++}`;
    const admin = new Admin(base());
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await admin.close();
    return topic;
  }

  function opened<T extends { close(force?: boolean): Promise<void> }>(one: T): T {
    open.push(one);
    return one;
  }

  const consuming = { mode: MessagesStreamModes.EARLIEST, maxWaitTime: 50 } as const;

  function newConsumer(groupId = `g-${process.pid}-${topics++}`): Consumer {
    return opened(new Consumer({ ...base(), groupId }));
  }

  async function take(topic: string, count: number, options?: ConsumerOptions): Promise<Message[]> {
    const stream = await traceConsumer(newConsumer(), options).consume({ ...consuming, topics: [topic] });
    const messages: Message[] = [];
    for await (const message of stream) {
      messages.push(message);
      await stream.process(message, async () => {
        await inSpan('work', async () => {});
      });
      if (messages.length === count) break;
    }
    return messages;
  }

  async function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
    return trace.getTracer('test').startActiveSpan(name, (span) => fn().finally(() => span.end()));
  }
  const idOf = (name: string): string => telemetry.find(name).spanContext().spanId;
  const named = (name: string) => telemetry.spans().filter((span) => span.name === name);
  const text = (message: Message, name: string): (string | undefined)[] =>
    message.headerEntries.flatMap(([key, value]) => (String(key) === name ? [value?.toString()] : []));

  it('a message sent and a message handled are one trace: parent and link, baggage, attributes', async () => {
    const topic = await newTopic('orders');
    const traced = traceProducer(producer, { recordKey: true });
    const withBaggage = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'a' } }));
    const message = Object.freeze({ topic, key: Buffer.from('k'), value: Buffer.from('v') });
    await context.with(withBaggage, () => inSpan('order', () => traced.send({ messages: [message] })));
    let tenant: unknown;
    const stream = await traceConsumer(newConsumer(`${topic}-g`)).consume({ ...consuming, topics: [topic] });
    for await (const received of stream) {
      await stream.process(received, async () => {
        await Promise.resolve();
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
        await inSpan('billing', async () => {});
      });
      break;
    }
    expect(tenant).toBe('a');
    const send = telemetry.find(`send ${topic}`);
    const processed = telemetry.find(`process ${topic}`);
    expect([send.kind, processed.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    expect(send.parentSpanContext?.spanId).toBe(idOf('order'));
    expect(processed.parentSpanContext?.spanId).toBe(idOf(`send ${topic}`));
    expect(processed.links.map((link) => link.context.spanId)).toEqual([idOf(`send ${topic}`)]);
    expect(telemetry.find('billing').parentSpanContext?.spanId).toBe(idOf(`process ${topic}`));
    expect(send.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': topic,
      'messaging.client.id': 'tests',
      'messaging.kafka.message.key': 'k',
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
    });
    expect(processed.attributes).toMatchObject({
      'messaging.operation.name': 'process',
      'messaging.consumer.group.name': `${topic}-g`,
      'messaging.client.id': 'tests',
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
    });
    // Only who asks for keys has them.
    expect(processed.attributes).not.toHaveProperty('messaging.kafka.message.key');
    expect(processed.attributes['throughline.queue.duration']).toBeGreaterThan(0);
  });

  it('one span a topic and call; a Map with byte keys keeps its headers and loses stale fields in every letter case', async () => {
    const [one, two] = [await newTopic('one'), await newTopic('two')];
    const headers = new Map([
      [Buffer.from('mine'), Buffer.from('1')],
      [Buffer.from('TraceParent'), Buffer.from(other)],
      [Buffer.from('BAGGAGE'), Buffer.from('old=1')],
    ]);
    await inSpan('work', () =>
      traceProducer(producer).send(
        Object.freeze({
          messages: [
            { topic: one, value: Buffer.from('a'), headers },
            { topic: two, value: Buffer.from('b') },
            { topic: one, value: Buffer.from('c') },
          ],
        }),
      ),
    );
    expect(headers.size).toBe(3);
    expect(telemetry.spans().map((span) => span.name)).toEqual([`send ${one}`, `send ${two}`, 'work']);
    expect(telemetry.find(`send ${one}`).attributes['messaging.batch.message_count']).toBe(2);
    expect(telemetry.find(`send ${one}`).links.map((link) => link.context.spanId)).toEqual(['2222222222222222']);
    const [first] = await take(one, 2);
    expect(first?.headerEntries.map(([key]) => String(key)).toSorted()).toEqual(['baggage', 'mine', 'traceparent']);
    expect(text(first as Message, 'traceparent')[0]).toContain(idOf(`send ${one}`));
  });

  it('text headers, as a record, for a producer with string serializers', async () => {
    const topic = await newTopic('text');
    const strings = opened(new Producer({ ...base(), serializers: stringSerializers }));
    const messages = [
      { topic, value: 'a', headers: { mine: '1', Traceparent: other } },
      { topic, value: 'b', headers: new Map([['mine', '2']]) },
    ];
    await inSpan('work', () => traceProducer(strings).send({ messages }));
    for (const message of await take(topic, 2)) {
      expect(text(message, 'mine')).toHaveLength(1);
      expect(text(message, 'traceparent')).toEqual([expect.stringContaining(idOf(`send ${topic}`))]);
      expect(text(message, 'Traceparent')).toEqual([]);
    }
  });

  it('a serializer that would garble the fields gets none', async () => {
    const topic = await newTopic('json');
    const json = opened(new Producer({ ...base(), serializers: { headerValue: jsonSerializer } }));
    await inSpan('work', () => traceProducer(json).send({ messages: [{ topic, value: Buffer.from('a') }] }));
    const [message] = await take(topic, 1);
    expect(message?.headers.size).toBe(0);
  });

  it('`existing: keep` leaves what an outbox recorded; with no active span it stays too, and is the parent', async () => {
    const topic = await newTopic('outbox');
    const headers = new Map([[Buffer.from('traceparent'), Buffer.from(other)]]);
    const record = { messages: [{ topic, value: Buffer.from('a'), headers }] };
    await inSpan('relay', () => traceProducer(producer, { existing: 'keep' }).send(record));
    await traceProducer(producer).send(record);
    for (const message of await take(topic, 2)) expect(text(message, 'traceparent')).toEqual([other]);
    expect(named(`send ${topic}`).map((span) => span.parentSpanContext?.spanId)).toEqual([
      idOf('relay'),
      '2222222222222222',
    ]);
  });

  it('repeated traceparent headers: the last valid one, also where the Map of strings holds one alone', async () => {
    const topic = await newTopic('repeated');
    const headers = new Map(
      [other, another, 'broken'].map((value) => [Buffer.from('traceparent'), Buffer.from(value)]),
    );
    await producer.send({ messages: [{ topic, value: Buffer.from('a'), headers }] });
    const consumer = traceConsumer(
      opened(new Consumer({ ...base(), groupId: topic, deserializers: stringDeserializers })),
    );
    const stream = await consumer.consume({ ...consuming, topics: [topic] });
    for await (const message of stream) {
      expect(message.headers.size).toBe(1);
      stream.process(message, () => {});
      break;
    }
    expect(telemetry.find(`process ${topic}`).parentSpanContext?.spanId).toBe('4444444444444444');
  });

  it('`data` listeners run in the trace of their message, and can be taken off', async () => {
    const topic = await newTopic('events');
    await inSpan('order', () => traceProducer(producer).send({ messages: [{ topic, value: Buffer.from('a') }] }));
    const stream = await traceConsumer(newConsumer()).consume({ ...consuming, topics: [topic] });
    const removed = (): void => {
      throw new Error('taken off');
    };
    const handled = await new Promise<{ self: unknown; span: string | undefined }>((resolve) => {
      stream.on('data', removed).off('data', removed);
      stream.on('data', function (this: unknown) {
        resolve({ self: this, span: trace.getActiveSpan()?.spanContext().traceId });
      });
    });
    expect(handled).toEqual({ self: stream, span: telemetry.find('order').spanContext().traceId });
    expect(named(`process ${topic}`)).toHaveLength(1);
  });

  it('handlers that run at the same time keep to their own traces; a failure comes out as the very same object', async () => {
    const topic = await newTopic('parallel');
    const traced = traceProducer(producer);
    for (const n of [0, 1, 2, 3]) {
      await inSpan(`order ${n}`, () => traced.send({ messages: [{ topic, value: Buffer.from(`${n}`) }] }));
    }
    const stream = await newConsumer().consume({ ...consuming, topics: [topic] });
    const failure = new TypeError('mine');
    const handle = tracedMessage(
      async (message: Message) => {
        await new Promise((next) => setImmediate(next));
        trace.getTracer('test').startSpan(`bill ${message.value.toString()}`).end();
        if (message.value.toString() === '3') throw failure;
      },
      { groupId: 'parallel' },
    );
    const running: Promise<unknown>[] = [];
    for await (const message of stream) {
      running.push(handle(message).catch((error: unknown) => error));
      if (running.length === 4) break;
    }
    expect(await Promise.all(running)).toEqual([undefined, undefined, undefined, failure]);
    for (const n of [0, 1, 2, 3]) {
      expect(telemetry.find(`bill ${n}`).spanContext().traceId).toBe(
        telemetry.find(`order ${n}`).spanContext().traceId,
      );
    }
    expect(named(`process ${topic}`).at(-1)?.attributes['error.type']).toBe('TypeError');
  });

  it('the callbacks of the client see what they saw, in the context of the caller', async () => {
    const topic = await newTopic('callback');
    const seen = await inSpan('work', () => {
      const active = trace.getActiveSpan();
      return new Promise<unknown[]>((resolve) =>
        traceProducer(producer).send({ messages: [{ topic, value: Buffer.from('a') }] }, (error, result) =>
          resolve([error, result?.offsets?.length, trace.getActiveSpan() === active]),
        ),
      );
    });
    expect(seen).toEqual([null, 1, true]);
    expect(telemetry.find(`send ${topic}`).attributes['messaging.kafka.offset']).toBe(0);
  });

  it('a producer stream sends each message in the context that it was written in', async () => {
    const topic = await newTopic('stream');
    const stream = traceProducer(producer).asStream({ batchSize: 10, batchTime: 20 });
    for (const n of [0, 1])
      await inSpan(`order ${n}`, async () => void stream.write({ topic, value: Buffer.from(`${n}`) }));
    await inSpan('order 2', () =>
      pipeline(async function* () {
        yield { topic, value: Buffer.from('2') };
      }, stream),
    );
    const messages = await take(topic, 3);
    const created = named(`create ${topic}`);
    expect(created.map((span) => span.parentSpanContext?.spanId)).toEqual([0, 1, 2].map((n) => idOf(`order ${n}`)));
    expect(messages.map((message) => text(message, 'traceparent')[0]?.split('-')[2])).toEqual(
      created.map((span) => span.spanContext().spanId),
    );
  });

  it('`spanPerMessage`: a create span each, and a send span that links them', async () => {
    const topic = await newTopic('each');
    await inSpan('work', () =>
      traceProducer(producer, { spanPerMessage: true }).send({
        messages: ['a', 'b'].map((value) => ({ topic, value: Buffer.from(value) })),
      }),
    );
    const created = named(`create ${topic}`).map((span) => span.spanContext().spanId);
    expect(created).toHaveLength(2);
    expect(telemetry.find(`send ${topic}`).kind).toBe(SpanKind.CLIENT);
    expect(telemetry.find(`send ${topic}`).links.map((link) => link.context.spanId)).toEqual(created);
    expect((await take(topic, 2)).map((message) => text(message, 'traceparent')[0]?.split('-')[2])).toEqual(created);
  });

  it('what the client calls while it sends is silent, and traced under `suppressInner: false`', async () => {
    const topic = await newTopic('inner');
    const partitioner = (): number => {
      trace.getTracer('test').startSpan('partition').end();
      return 0;
    };
    const partitioned = opened(new Producer({ ...base(), partitioner }));
    const names = async (options: { suppressInner?: boolean }): Promise<string[]> => {
      await telemetry.reset();
      const traced = traceProducer(partitioned, options);
      const message = { topic, value: Buffer.from('a') };
      await traced.send({ messages: [message] });
      await new Promise((resolve) => traced.send({ messages: [message] }, resolve));
      return telemetry.spans().map((span) => span.name);
    };
    const send = `send ${topic}`;
    expect(await names({})).toEqual([send, send]);
    expect(await names({ suppressInner: false })).toEqual(['partition', send, 'partition', send]);
  });

  it('`reply: true` is not a step deeper: of a promise, a callback and a transaction; and never reaches the client', async () => {
    const [tasks, results] = [await newTopic('tasks'), await newTopic('results')];
    await inSpan('plan', () => traceProducer(producer).send({ messages: [{ topic: tasks, value: Buffer.from('t') }] }));
    const bare = opened(new Producer(base()));
    const sends = vi.spyOn(bare, 'send');
    const agent = traceProducer(bare);
    const transactional = traceProducer(
      opened(new Producer({ ...base(), idempotent: true, transactionalId: `reply-${process.pid}` })),
    );
    const messages = (): { topic: string; value: Buffer }[] => [{ topic: results, value: Buffer.from('r') }];
    const stream = await traceConsumer(newConsumer(), { agent: 'analyst' }).consume({ ...consuming, topics: [tasks] });
    for await (const message of stream) {
      await stream.process(message, async () => {
        await agent.send({ messages: messages() });
        await agent.send({ messages: messages(), reply: true });
        await new Promise<void>((resolve, reject) => {
          agent.send({ messages: messages(), reply: true }, (error) => (error === null ? resolve() : reject(error)));
        });
        const transaction = await transactional.beginTransaction();
        await transaction.send({ messages: messages(), reply: true });
        await transaction.commit();
      });
      break;
    }
    const answers = await take(results, 4);
    const hops = answers.map((message) => /lineage=1\.(\d+)/.exec(text(message, 'baggage')[0] ?? '')?.[1]);
    expect(hops).toEqual(['2', '0', '0', '0']);
    expect(sends.mock.calls).toHaveLength(3);
    for (const [options] of sends.mock.calls) expect(options).not.toHaveProperty('reply');
  });

  it('a traced producer is of the type of the client, and its sends take `reply` beside it', () => {
    const traced = traceProducer(producer);
    expectTypeOf(traced).toEqualTypeOf<TracedProducer<Producer>>();
    expectTypeOf(traced).toExtend<Producer>();
    type Options = SendOptions<Buffer, Buffer, Buffer, Buffer>;
    type Send = (options: Options & SendExtras) => Promise<ProduceResult>;
    expectTypeOf(traced.send).toExtend<Send>();
    expectTypeOf(() => traced.send({ messages: [], reply: true })).returns.resolves.toEqualTypeOf<ProduceResult>();
    expectTypeOf(() => traced.send({ messages: [] }, () => {})).returns.toEqualTypeOf<void>();
    // @ts-expect-error -- true or false
    void (() => traced.send({ messages: [], reply: 'yes' }));
    // @ts-expect-error -- the bare client has no such member
    void (() => producer.send({ messages: [], reply: true }));
    const texts = traceProducer(new Producer({ ...base(), serializers: stringSerializers }));
    void (() => texts.send({ messages: [{ topic: 't', value: 'text' }], reply: true }));
    // @ts-expect-error -- its serializers take text
    void (() => texts.send({ messages: [{ topic: 't', value: 7 }], reply: true }));
    return texts.close();
  });

  it('consume, transform, produce exactly once: the transaction and its offset are in the trace', async () => {
    const [from, to] = [await newTopic('from'), await newTopic('to')];
    await inSpan('order', () => traceProducer(producer).send({ messages: [{ topic: from, value: Buffer.from('1') }] }));
    const transactional = traceProducer(opened(new Producer({ ...base(), idempotent: true, transactionalId: from })));
    const consumer = traceConsumer(newConsumer(`${from}-g`));
    const stream = await consumer.consume({ ...consuming, autocommit: false, topics: [from] });
    for await (const message of stream) {
      await stream.process(message, async () => {
        const transaction = await transactional.beginTransaction();
        await transaction.addConsumer(consumer);
        await transaction.send({ messages: [{ topic: to, value: message.value, headers: forwardHeaders(message) }] });
        await transaction.addOffset(message);
        await transaction.commit();
      });
      break;
    }
    expect(telemetry.find(`send ${to}`).parentSpanContext?.spanId).toBe(idOf(`process ${from}`));
    const settle = telemetry.find(`settle ${from}`);
    expect(settle.parentSpanContext?.spanId).toBe(idOf(`process ${from}`));
    expect(settle.attributes['messaging.consumer.group.name']).toBe(`${from}-g`);
    const [transformed] = await take(to, 1);
    expect(text(transformed as Message, 'traceparent')).toEqual([expect.stringContaining(idOf(`send ${to}`))]);
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it('a null header, a tombstone, a record without headers: handled, and can be forwarded', async () => {
    const topic = await newTopic('null');
    const headers = new Map<Buffer, Buffer>([
      [Buffer.from('nothing'), null as never],
      [Buffer.from('traceparent'), Buffer.from(other)],
    ]);
    await producer.send({
      messages: [
        { topic, value: null as never, headers },
        { topic, value: Buffer.from('b') },
      ],
    });
    const [first, second] = await take(topic, 2);
    expect([...forwardHeaders(first as Message)].map(([key]) => key.toString())).toEqual(['traceparent']);
    expect(forwardHeaders(second as Message).size).toBe(0);
    expect(named(`process ${topic}`).map((span) => span.attributes['messaging.kafka.message.tombstone'])).toEqual([
      true,
      undefined,
    ]);
  });

  it('without a wrapper, `injectHeaders` and `extractContext`', async () => {
    const topic = await newTopic('bare');
    await inSpan('work', () =>
      producer.send({
        messages: [{ topic, value: Buffer.from('a'), headers: injectHeaders() as Map<Buffer, Buffer> }],
      }),
    );
    const [message] = await take(topic, 1);
    expect(trace.getSpanContext(extractContext(message))?.spanId).toBe(idOf('work'));
  });

  it('past the limits of its chain: a send rejects, a message goes to `onRefused`', async () => {
    const topic = await newTopic('deep');
    const enforced = traceProducer(producer, { lineage: { mode: 'enforce' } });
    const error: unknown = await inSpan('work', () =>
      withBudget(0, () => enforced.send({ messages: [{ topic, value: Buffer.from('a') }] })),
    ).catch((caught: unknown) => caught);
    expect(isLineageError(error)).toBe(true);
    expect(telemetry.find(`send ${topic}`).status.code).toBe(SpanStatusCode.ERROR);

    const deep = `throughline.lineage=1.33.32.1.-.-.-`;
    const headers = new Map([
      [Buffer.from('traceparent'), Buffer.from(other)],
      [Buffer.from('baggage'), Buffer.from(deep)],
    ]);
    await producer.send({ messages: [{ topic, value: Buffer.from('b'), headers }] });
    const refusals: unknown[] = [];
    await take(topic, 1, {
      lineage: { mode: 'enforce' },
      onRefused: async (refused, message) => void refusals.push([refused.refused, message.offset]),
    });
    expect(refusals).toEqual([['hops', 0n]]);
    expect(named('work')).toHaveLength(1);
  });

  it('a failed send ends its span with what the broker said', async () => {
    const topic = await newTopic('failing');
    const failing = traceProducer(opened(new Producer({ ...base(), retries: 0 })));
    // It does not try again: the topic has to have its leader by then.
    await producer.send({ messages: [{ topic, value: Buffer.from('small') }] });
    const value = Buffer.alloc(2_000_000);
    const error: unknown = await failing.send({ messages: [{ topic, value }] }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(named(`send ${topic}`).at(-1)?.attributes['error.type']).toBe('MESSAGE_TOO_LARGE');
  });

  it('a consumer that closes leaves no span open, also of a handler that never returns', async () => {
    const topic = await newTopic('stuck');
    await producer.send({ messages: [{ topic, value: Buffer.from('a') }] });
    const consumer = traceConsumer(newConsumer());
    const stream = await consumer.consume({ ...consuming, topics: [topic] });
    for await (const message of stream) {
      void stream.process(message, () => new Promise(() => {}));
      break;
    }
    expect(named(`process ${topic}`)).toEqual([]);
    await consumer.close(true);
    expect(telemetry.find(`process ${topic}`).attributes['error.type']).toBe('abandoned');
  });
});

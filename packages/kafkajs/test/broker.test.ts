import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { CompressionTypes } from 'kafkajs';
import { expect, it } from 'vitest';
import { forwardHeaders, traceConsumer, tracedEachBatch, traceProducer } from '../src/index.ts';
import { deepFreeze } from './deep-freeze.ts';
import { lineageMember } from './lineage-member.ts';
import { broker, idOf, inSpan, kafka, onBroker, open, plain, producer, telemetry, traceOf } from './on-broker.ts';
import { connect, handleAll, newConsumer, newTopic, readAll, subscribed, textOf } from './topics.ts';

onBroker('on a real broker', () => {
  const sentHeader = (topic: string): string => `00-${traceOf(`send ${topic}`)}-${idOf(`send ${topic}`)}-0`;

  it('a message sent and a message handled are one trace, baggage and queue time included', async () => {
    const topic = await newTopic(kafka, 'orders');
    const withBaggage = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'a' } }));
    await context.with(withBaggage, () =>
      inSpan('order', () => producer.send({ topic, messages: [{ key: 'k', value: 'v' }] })),
    );
    let seen: unknown;
    const consumer = traceConsumer(newConsumer(kafka, `${topic}-group`));
    await handleAll(consumer, [topic], 1, async ({ heartbeat, pause, message }) => {
      await heartbeat();
      expect(pause).toBeTypeOf('function');
      seen = [
        message.key?.toString(),
        message.value?.toString(),
        propagation.getActiveBaggage()?.getEntry('tenant')?.value,
      ];
      await inSpan('billing', async () => {});
    });
    expect(seen).toEqual(['k', 'v', 'a']);
    const send = telemetry.find(`send ${topic}`);
    const process = telemetry.find(`process ${topic}`);
    expect(send.parentSpanContext?.spanId).toBe(idOf('order'));
    expect(process.parentSpanContext?.spanId).toBe(send.spanContext().spanId);
    expect(process.links.map((link) => link.context.spanId)).toEqual([send.spanContext().spanId]);
    expect(telemetry.find('billing').parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(send.attributes).toMatchObject({ 'messaging.destination.partition.id': '0', 'messaging.kafka.offset': 0 });
    expect(process.attributes).toMatchObject({
      'messaging.consumer.group.name': `${topic}-group`,
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
    });
    for (const span of [send, process]) expect(span.attributes).not.toHaveProperty('messaging.kafka.message.key');
    expect(process.attributes['throughline.queue.duration']).toBeGreaterThan(0);
    expect(await telemetry.hops()).toEqual({ 'kafka outbound continued': 1, 'kafka inbound continued': 1 });
  });

  it('headers on the wire: arrays, bytes, tombstones, one of each field in every letter case', async () => {
    const topic = await newTopic(kafka, 'wire');
    const shared = {
      list: ['a', Buffer.from('b')],
      bytes: Buffer.from([0, 255]),
      TraceParent: 'stale',
      BAGGAGE: ['a=1', 'b=2'],
    };
    const messages = [
      { value: null, headers: shared },
      { value: 'b', headers: shared },
      { value: 'c', partition: 0, timestamp: '1700000000000' },
    ];
    await inSpan('work', () =>
      producer.send(deepFreeze({ topic, acks: -1, compression: CompressionTypes.GZIP, messages })),
    );
    const read = await readAll(kafka, topic, 3);
    const ours = { traceparent: expect.stringMatching(sentHeader(topic)), baggage: lineageMember };
    expect(read.map((message) => textOf(message.headers))).toEqual([
      { list: ['a', 'b'], bytes: String(shared.bytes), ...ours },
      { list: ['a', 'b'], bytes: String(shared.bytes), ...ours },
      ours,
    ]);
    expect(read[0]?.value).toBeNull();
    expect(read[2]?.timestamp).toBe('1700000000000');
  });

  it('a header called __proto__ arrives mangled by kafkajs, and breaks nothing', async () => {
    const topic = await newTopic(kafka, 'proto');
    const headers = Object.defineProperty({ mine: '1' }, '__proto__', { value: 'x', enumerable: true });
    await inSpan('work', () => producer.send({ topic, messages: [{ value: 'a', headers }] }));
    await handleAll(traceConsumer(newConsumer(kafka)), [topic], 1, async ({ message }) => {
      expect(forwardHeaders(message)).toHaveProperty('mine');
    });
    expect(telemetry.find(`process ${topic}`).parentSpanContext?.spanId).toBe(idOf(`send ${topic}`));
  });

  it('repeated traceparent headers: the last valid one is the parent', async () => {
    const topic = await newTopic(kafka, 'repeated');
    const traceparent = (n: number): string => `00-${'c'.repeat(32)}-${String(n).repeat(16)}-01`;
    await plain.send({
      topic,
      messages: [{ value: 'a', headers: { traceparent: [traceparent(1), traceparent(2), 'broken'] } }],
    });
    await handleAll(traceConsumer(newConsumer(kafka)), [topic], 1, async () => {});
    expect(telemetry.find(`process ${topic}`).parentSpanContext?.spanId).toBe('2'.repeat(16));
  });

  it('sendBatch opens one span a topic', async () => {
    const [one, two] = [await newTopic(kafka, 'one'), await newTopic(kafka, 'two')];
    const entry = (topic: string): { topic: string; messages: { value: string }[] } => ({
      topic,
      messages: [{ value: 'a' }, { value: 'b' }],
    });
    await inSpan('work', () => producer.sendBatch(deepFreeze({ topicMessages: [entry(one), entry(two)] })));
    for (const topic of [one, two]) {
      expect((await readAll(kafka, topic, 2)).map((message) => textOf(message.headers)['traceparent'])).toEqual([
        expect.stringMatching(sentHeader(topic)),
        expect.stringMatching(sentHeader(topic)),
      ]);
    }
    expect(telemetry.spans()).toHaveLength(3);
  });

  it('a transaction carries the context, commits, aborts and settles', async () => {
    const topic = await newTopic(kafka, 'tx');
    const transactional = traceProducer(
      kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true }),
    );
    await transactional.connect();
    open.push(transactional);
    const group = newConsumer(kafka, `${topic}-group`);
    open.push(group);
    await subscribed(group, topic);
    const joined = new Promise((resolve) => group.on(group.events.GROUP_JOIN, resolve));
    await group.run({ eachMessage: async () => {} });
    await joined;

    await inSpan('work', async () => {
      const aborted = await transactional.transaction();
      await aborted.send({ topic, messages: [{ value: 'aborted' }] });
      await aborted.abort();
      const committed = await transactional.transaction();
      expect(committed.isActive()).toBe(true);
      await committed.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'committed' }] }] });
      await committed.sendOffsets({
        consumerGroupId: `${topic}-group`,
        topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
      });
      await committed.commit();
      expect(committed.isActive()).toBe(false);
    });
    const [message] = await readAll(kafka, topic, 1);
    const sends = telemetry.spans().filter((span) => span.name === `send ${topic}`);
    expect(message?.value?.toString()).toBe('committed');
    expect(textOf(message?.headers)['traceparent']).toContain(sends[1]?.spanContext().spanId);
    const settle = telemetry.find(`settle ${topic}`);
    expect(settle.kind).toBe(SpanKind.CLIENT);
    expect(settle.parentSpanContext?.spanId).toBe(idOf('work'));
    expect(settle.attributes).toMatchObject({
      'messaging.operation.type': 'settle',
      'messaging.consumer.group.name': `${topic}-group`,
    });
  });

  it('original, handler, dead letter and reprocessing are one trace', async () => {
    const [topic, dead] = [await newTopic(kafka, 'work'), await newTopic(kafka, 'dead')];
    await inSpan('order', () => producer.send({ topic, messages: [{ value: 'v', headers: { attempt: '1' } }] }));
    await handleAll(traceConsumer(newConsumer(kafka)), [topic], 1, async ({ message }) => {
      await producer.send({
        topic: dead,
        messages: [{ key: message.key, value: message.value, headers: forwardHeaders(message) }],
      });
    });
    await handleAll(traceConsumer(newConsumer(kafka)), [dead], 1, async ({ message }) => {
      expect(textOf(message.headers)).toEqual({
        attempt: '1',
        traceparent: expect.stringMatching(sentHeader(dead)),
        baggage: lineageMember,
      });
    });
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId))).toEqual(new Set([traceOf('order')]));
    const parents = Object.fromEntries(telemetry.spans().map((span) => [span.name, span.parentSpanContext?.spanId]));
    expect(parents).toEqual({
      order: undefined,
      [`send ${topic}`]: idOf('order'),
      [`process ${topic}`]: idOf(`send ${topic}`),
      [`send ${dead}`]: idOf(`process ${topic}`),
      [`process ${dead}`]: idOf(`send ${dead}`),
    });
    expect(telemetry.find(`send ${dead}`).links.map((link) => link.context.spanId)).toEqual([idOf(`send ${topic}`)]);
    expect(telemetry.find(`process ${topic}`).attributes['throughline.calls']).toBe(1);
  });

  it("a batch is one span that links its senders, and runWith works in each message's own trace, in parallel", async () => {
    const topic = await newTopic(kafka, 'batch');
    for (const n of [0, 1, 2])
      await inSpan(`order ${n}`, () => producer.send({ topic, messages: [{ value: `${n}` }, { value: `${n}` }] }));
    const consumer = traceConsumer(newConsumer(kafka));
    open.push(consumer);
    await subscribed(consumer, topic);
    let handled = 0;
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatchAutoResolve: false,
          eachBatch: async ({
            batch,
            runWith,
            resolveOffset,
            heartbeat,
            isStale,
            isRunning,
            commitOffsetsIfNecessary,
          }) => {
            await Promise.all(
              batch.messages.map((message) =>
                runWith(message, async () => {
                  await new Promise((next) => setImmediate(next));
                  trace.getTracer('test').startSpan(`bill ${message.value?.toString()}`).end();
                }),
              ),
            );
            expect([isStale(), isRunning()]).toEqual([false, true]);
            resolveOffset(batch.lastOffset());
            await commitOffsetsIfNecessary();
            await heartbeat();
            if ((handled += batch.messages.length) === 6) setImmediate(resolve);
          },
        })
        .catch(reject);
    });
    const sends = telemetry.spans().filter((span) => span.name === `send ${topic}`);
    const batches = telemetry.spans().filter((span) => span.name === `process ${topic}`);
    expect(batches.flatMap((span) => span.links.map((link) => link.context.spanId)).toSorted()).toEqual(
      sends.map((span) => span.spanContext().spanId).toSorted(),
    );
    expect(batches.every((span) => span.parentSpanContext === undefined)).toBe(true);
    for (const n of [0, 1, 2]) {
      const bills = telemetry.spans().filter((span) => span.name === `bill ${n}`);
      expect(bills.map((span) => span.parentSpanContext?.spanId)).toEqual([
        sends[n]?.spanContext().spanId,
        sends[n]?.spanContext().spanId,
      ]);
      expect(bills.every((span) => span.spanContext().traceId === traceOf(`order ${n}`))).toBe(true);
    }
  });

  it('a handler wrapped by itself takes the place of a wrapped consumer', async () => {
    const topic = await newTopic(kafka, 'handler');
    await inSpan('order', () => producer.send({ topic, messages: [{ value: 'v' }] }));
    const consumer = newConsumer(kafka);
    open.push(consumer);
    await subscribed(consumer, topic);
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatch: tracedEachBatch(async ({ batch, runWith }) => {
            for (const message of batch.messages)
              runWith(message, () => trace.getTracer('test').startSpan('bill').end());
            setImmediate(resolve);
          }),
        })
        .catch(reject);
    });
    expect(telemetry.find('bill').parentSpanContext?.spanId).toBe(idOf(`send ${topic}`));
  });

  it('a message of years ago restarts under `maxParentAge`, with a link', async () => {
    const topic = await newTopic(kafka, 'old');
    const old = String(Date.now() - 86_400_000);
    await inSpan('order', () =>
      producer.send({
        topic,
        messages: [
          { value: 'old', timestamp: old },
          { value: 'long ago', timestamp: '1000' },
        ],
      }),
    );
    await handleAll(traceConsumer(newConsumer(kafka), { maxParentAge: 3_600_000 }), [topic], 2, async () => {});
    const [first, second] = telemetry.spans().filter((span) => span.name === `process ${topic}`);
    expect(first?.parentSpanContext).toBeUndefined();
    expect(first?.links.map((link) => link.context.spanId)).toEqual([idOf(`send ${topic}`)]);
    expect(first?.attributes['throughline.queue.duration']).toBeGreaterThan(86_000);
    expect(second?.parentSpanContext?.spanId).toBe(idOf(`send ${topic}`));
    expect(second?.attributes).not.toHaveProperty('throughline.queue.duration');
  });

  it('a plain error is delivered again: a new span, the same parent, the very same error', async () => {
    const topic = await newTopic(kafka, 'again');
    await inSpan('order', () => producer.send({ topic, messages: [{ value: 'v' }] }));
    let attempts = 0;
    await handleAll(traceConsumer(newConsumer(kafka)), [topic], 1, async () => {
      if (++attempts === 1) throw new Error('try again');
    });
    const spans = telemetry.spans().filter((span) => span.name === `process ${topic}`);
    expect(spans.map((span) => span.status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.UNSET]);
    expect(new Set(spans.map((span) => span.spanContext().spanId)).size).toBe(2);
    expect(spans.map((span) => span.parentSpanContext?.spanId)).toEqual([idOf(`send ${topic}`), idOf(`send ${topic}`)]);
  });

  it('a TypeError stops the consumer for good, with the very same object', async () => {
    const topic = await newTopic(kafka, 'fatal');
    await producer.send({ topic, messages: [{ value: 'v' }] });
    const thrown = new TypeError('a bug');
    const consumer = traceConsumer(newConsumer(kafka));
    await subscribed(consumer, topic);
    const crash = new Promise<{ error: Error; restart: boolean }>((resolve) =>
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload)),
    );
    await consumer.run({
      eachMessage: async () => {
        throw thrown;
      },
    });
    const { error, restart } = await crash;
    expect(error.cause ?? error).toBe(thrown);
    expect(restart).toBe(false);
    expect(telemetry.find(`process ${topic}`).attributes['error.type']).toBe('TypeError');
  });

  it('malformed calls fail as they do without us', async () => {
    const failure = async (call: () => Promise<unknown>): Promise<string> => {
      try {
        return `no failure: ${String(await call())}`;
      } catch (error) {
        // Up to the message that the client prints, which is our copy of it.
        return String(error).split('{', 1)[0] as string;
      }
    };
    const records: unknown[] = [
      undefined,
      {},
      { topic: 't' },
      { topic: 't', messages: null },
      { topic: 't', messages: 'abc' },
      { topic: '', messages: [] },
      { topic: 't', messages: [null] },
      { topic: 't', messages: [{}] },
      { topic: 't', messages: [{ value: undefined, headers: {} }] },
    ];
    for (const record of records) {
      expect(await failure(() => producer.send(record as never))).toBe(
        await failure(() => plain.send(record as never)),
      );
      const batch = { topicMessages: [record] } as never;
      expect(await failure(() => producer.sendBatch(batch))).toBe(await failure(() => plain.sendBatch(batch)));
    }
    const topic = await newTopic(kafka, 'numbers');
    const withNumber = { topic, messages: [{ value: 'a', headers: { attempt: 1 as never } }] };
    expect(await failure(() => producer.send(withNumber))).toBe(await failure(() => plain.send(withNumber)));
    expect(telemetry.find(`send ${topic}`).status.code).toBe(SpanStatusCode.ERROR);
  });

  it('events, loggers and what else a producer and a consumer have are there', async () => {
    const consumer = traceConsumer(newConsumer(kafka));
    const connected = new Promise((resolve) => consumer.on(consumer.events.CONNECT, resolve));
    await consumer.connect();
    open.push(consumer);
    await connected;
    expect(consumer.logger().info).toBeTypeOf('function');
    expect(producer.events.CONNECT).toBe('producer.connect');
    expect(producer.isIdempotent()).toBe(false);
  });

  it('beside instrumentation-kafkajs one span and one header leave', async () => {
    const topic = await newTopic(kafka, 'beside');
    const service = fileURLToPath(new URL('./beside-instrumentation.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [service, broker.brokers[0] ?? '', topic]);
    const { traced, around, doubled, instrumented, inTransaction, headers } = JSON.parse(stdout) as {
      traced: string[];
      around: string[];
      doubled: string[];
      instrumented: string[];
      inTransaction: string[];
      headers: object;
    };
    expect(traced).toEqual([`@throughline/kafkajs: send ${topic}`, 'test: work']);
    expect(around).toEqual(traced);
    expect(doubled).toEqual([expect.stringContaining('instrumentation-kafkajs'), ...traced]);
    expect(instrumented).toEqual([expect.stringContaining('instrumentation-kafkajs')]);
    const ours = `@throughline/kafkajs: send ${topic}`;
    expect(inTransaction).toEqual([ours, ours, '@opentelemetry/instrumentation-kafkajs: transaction']);
    expect(headers).toEqual({ mine: '1' });
    for (const message of (await readAll(kafka, topic, 4)).slice(0, 2)) {
      expect(textOf(message.headers)).toEqual({
        mine: '1',
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]$/),
        baggage: lineageMember,
      });
    }
  });

  it.each(['patched first', 'wrapped first'])(
    'beside instrumentation-kafkajs each message and batch has one CONSUMER span: %s',
    async (order) => {
      const topic = await newTopic(kafka, 'beside');
      await inSpan('work', () => producer.send({ topic, messages: [{ value: 'a' }] }));
      const service = fileURLToPath(new URL('./beside-instrumentation-consumer.ts', import.meta.url));
      const args = [service, broker.brokers[0] ?? '', topic, order];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      type Handled = { spans: string[]; warnings: string[] };
      const handled = JSON.parse(stdout) as Record<string, Handled>;
      const theirs = '@opentelemetry/instrumentation-kafkajs';
      const ours = `@throughline/kafkajs: process ${topic}`;
      expect(handled['eachMessage']).toEqual({ spans: [ours], warnings: [] });
      expect(handled['eachBatch']).toEqual({ spans: [ours], warnings: [] });
      expect(handled['instrumented']).toEqual({ spans: [`${theirs}: process ${topic}`], warnings: [] });
      // Where it cannot be seen from here that the client was patched, it is said what to turn off.
      for (const way of ['hidden', 'hiddenBatch', 'handler', 'batchHandler']) {
        expect(handled[way]?.spans.length).toBeGreaterThan(1);
        expect(handled[way]?.warnings).toEqual([expect.stringMatching(`${theirs} .* turn it off`)]);
      }
    },
  );

  it('what kafkajs calls while it sends is traced, and silent under `suppressInner`', async () => {
    const topic = await newTopic(kafka, 'inner');
    const partitioned = kafka.producer({
      createPartitioner: () => () => {
        trace.getTracer('test').startSpan('partition').end();
        return 0;
      },
    });
    await partitioned.connect();
    const names = async (options: { suppressInner?: boolean }): Promise<string[]> => {
      await telemetry.reset();
      await inSpan('work', () => traceProducer(partitioned, options).send({ topic, messages: [{ value: 'a' }] }));
      return telemetry.spans().map((span) => span.name);
    };
    expect(await names({})).toEqual(['partition', `send ${topic}`, 'work']);
    expect(telemetry.find('partition').parentSpanContext?.spanId).toBe(idOf('work'));
    expect(await names({ suppressInner: true })).toEqual([`send ${topic}`, 'work']);
    await partitioned.disconnect();
  });

  // The last one: it takes the broker away.
  it('a broker that died fails the send and its span', async () => {
    const topic = await newTopic(kafka, 'dying');
    const impatient = traceProducer(connect(broker.brokers).producer({ retry: { retries: 1, initialRetryTime: 10 } }));
    await impatient.connect();
    await impatient.send({ topic, messages: [{ value: 'alive' }] });
    await telemetry.reset();
    await broker.kill();
    const error: unknown = await impatient
      .send({ topic, messages: [{ value: 'dead' }] })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    const span = telemetry.find(`send ${topic}`);
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    // The connection closes at some point of the send; what is behind kafkajs's wrapper tells which.
    const { cause = error } = error as { cause?: unknown };
    const { code, name } = cause as { code?: string; name: string };
    expect(span.attributes['error.type']).toBe(code ?? name);
    await impatient.disconnect();
  });
});

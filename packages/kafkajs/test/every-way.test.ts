import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { Producer as PlatformaticProducer } from '@platformatic/kafka';
import { isLineageError, joinTraces } from '@throughline/core';
import { KafkaClient } from 'kafka-crab-js';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { forwardHeaders, traceConsumer, traceProducer } from '../src/index.ts';
import type { ConsumerOptions, RunWith } from '../src/index.ts';
import { deepFreeze } from './deep-freeze.ts';
import { lineageMember } from './lineage-member.ts';
import {
  broker,
  idOf,
  inSpan,
  kafka,
  named,
  onBroker,
  open,
  openSpans,
  plain,
  producer,
  telemetry,
  traceOf,
} from './on-broker.ts';
import { handleAll, newConsumer, newTopic, readAll, subscribed, textOf } from './topics.ts';

const other = '00-11111111111111111111111111111111-2222222222222222-01';
const another = '00-33333333333333333333333333333333-4444444444444444-01';

onBroker('every way a message can travel, on a real broker', () => {
  const linksOf = (name: string): string[] => telemetry.find(name).links.map((link) => link.context.spanId);
  const traced = (options?: ConsumerOptions, groupId?: string): ReturnType<typeof traceConsumer<Consumer>> =>
    traceConsumer(newConsumer(kafka, groupId), options);

  async function partitioned(name: string, numPartitions: number): Promise<string> {
    const topic = await newTopic(kafka, name);
    const admin = kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: numPartitions }] });
    await admin.disconnect();
    return topic;
  }

  describe('producing', () => {
    it('`spanPerMessage`: each message is handled as a child of its own create span', async () => {
      const topic = await newTopic(kafka, 'each');
      const each = traceProducer(plain, { spanPerMessage: true, clientId: 'planner' });
      await inSpan('work', () => each.send({ topic, messages: [{ key: 'a', value: '1' }, { value: null }] }));
      await handleAll(traced(), [topic], 2, async () => {});
      const created = named(`create ${topic}`);
      expect(created.map((span) => span.kind)).toEqual([SpanKind.PRODUCER, SpanKind.PRODUCER]);
      expect(telemetry.find(`send ${topic}`).kind).toBe(SpanKind.CLIENT);
      expect(linksOf(`send ${topic}`)).toEqual(created.map((span) => span.spanContext().spanId));
      expect(named(`process ${topic}`).map((span) => span.parentSpanContext?.spanId)).toEqual(linksOf(`send ${topic}`));
      expect(created[1]?.attributes['messaging.kafka.message.tombstone']).toBe(true);
    });

    it('Maps, missing headers, shared and frozen input: one fresh context each, and nothing of the caller changed', async () => {
      const topic = await newTopic(kafka, 'inputs');
      const shared = { TRACEPARENT: other, mine: '1' };
      const map = new Map([['lost', 'as without us']]);
      await inSpan('work', () =>
        producer.send(
          deepFreeze({
            topic,
            messages: [{ value: 'a', headers: shared }, { value: 'b', headers: shared }, { value: 'c' }],
          }),
        ),
      );
      await inSpan('map', () => producer.send({ topic, messages: [{ value: 'd', headers: map as never }] }));
      const read = (await readAll(kafka, topic, 4)).map((message) => textOf(message.headers));
      const fresh = { traceparent: expect.stringContaining(idOf(`send ${topic}`)), baggage: lineageMember };
      expect(read.slice(0, 3)).toEqual([{ mine: '1', ...fresh }, { mine: '1', ...fresh }, fresh]);
      expect(Object.keys(read[3] ?? {}).toSorted()).toEqual(['baggage', 'traceparent']);
      expect(map.size).toBe(1);
      expect(linksOf(`send ${topic}`)).toEqual(['2222222222222222']);
    });

    it('an outbox relay with `existing: keep`: the message keeps the context it was created in', async () => {
      const topic = await newTopic(kafka, 'outbox');
      const relay = traceProducer(plain, { existing: 'keep' });
      await inSpan('relay', () => relay.send({ topic, messages: [{ value: 'a', headers: { traceparent: other } }] }));
      await handleAll(traced(), [topic], 1, async () => {});
      expect(telemetry.find(`process ${topic}`).parentSpanContext?.spanId).toBe('2222222222222222');
      expect(linksOf(`send ${topic}`)).toEqual(['2222222222222222']);
      expect(telemetry.find(`send ${topic}`).parentSpanContext?.spanId).toBe(idOf('relay'));
    });

    it('`reply: true` is not a step deeper, and never reaches the client', async () => {
      const [ask, answer, next] = [
        await newTopic(kafka, 'ask'),
        await newTopic(kafka, 'answer'),
        await newTopic(kafka, 'next'),
      ];
      await inSpan('planner', () => producer.send({ topic: ask, messages: [{ value: '?' }] }));
      await handleAll(traced(), [ask], 1, async () => {
        await producer.send({ topic: answer, messages: [{ value: '!' }], reply: true });
        await producer.sendBatch({ topicMessages: [{ topic: next, messages: [{ value: '+' }] }] });
      });
      const hops = async (topic: string): Promise<string | undefined> =>
        String(textOf((await readAll(kafka, topic, 1))[0]?.headers)['baggage']).split('.')[2];
      expect([await hops(ask), await hops(answer), await hops(next)]).toEqual(['1', '0', '2']);
    });

    it('consume, transform, produce exactly once: an aborted attempt leaves nothing behind, the committed one is one trace', async () => {
      const [from, to] = [await newTopic(kafka, 'from'), await newTopic(kafka, 'to')];
      const transactional = traceProducer(
        kafka.producer({ transactionalId: from, maxInFlightRequests: 1, idempotent: true }),
      );
      await transactional.connect();
      open.push(transactional);
      for (const n of [1, 2, 3])
        await inSpan(`order ${n}`, () => producer.send({ topic: from, messages: [{ value: `${n}` }] }));

      const group = `${from}-group`;
      const consumer = traced(undefined, group);
      open.push(consumer);
      await subscribed(consumer, from);
      let failures = 0;
      let committed = 0;
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            autoCommit: false,
            eachMessage: async ({ topic, partition, message }) => {
              const transaction = await transactional.transaction();
              try {
                await transaction.send({ topic: to, messages: [{ value: `${message.value?.toString()} done` }] });
                if (message.value?.toString() === '2' && failures++ === 0) throw new Error('once');
                await transaction.sendOffsets({
                  consumerGroupId: group,
                  topics: [{ topic, partitions: [{ partition, offset: String(Number(message.offset) + 1) }] }],
                });
                await transaction.commit();
                if (++committed === 3) setImmediate(resolve);
              } catch (error) {
                await transaction.abort();
                throw error;
              }
            },
          })
          .catch(reject);
      });
      const read = await readAll(kafka, to, 3);
      expect(read.map((message) => message.value?.toString())).toEqual(['1 done', '2 done', '3 done']);
      // The failed attempt's span is there, and its message is not.
      expect(named(`process ${from}`)).toHaveLength(4);
      expect(named(`send ${to}`)).toHaveLength(4);
      for (const [at, n] of [1, 2, 3].entries()) {
        const header = String(textOf(read[at]?.headers)['traceparent']);
        expect(header).toContain(traceOf(`order ${n}`));
      }
      const settles = named(`settle ${from}`);
      expect(settles).toHaveLength(3);
      const handlers = new Set(named(`process ${from}`).map((span) => span.spanContext().spanId));
      for (const settle of settles) {
        expect(settle.kind).toBe(SpanKind.CLIENT);
        expect(handlers.has(settle.parentSpanContext?.spanId ?? '')).toBe(true);
        expect(settle.attributes['messaging.consumer.group.name']).toBe(group);
      }
      const admin = kafka.admin();
      await admin.connect();
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [from] });
      await admin.disconnect();
      expect(offsets?.partitions[0]?.offset).toBe('3');
    });

    it('a planner asks N workers and joins their N results: one trace, and the join links every branch', async () => {
      const [tasks, results] = [await partitioned('tasks', 3), await newTopic(kafka, 'results')];
      const workers = [0, 1, 2].map(() => traced(undefined, `${tasks}-workers`));
      open.push(...workers);
      for (const worker of workers) {
        await subscribed(worker, tasks);
        await worker.run({
          eachMessage: async ({ message }) => {
            const { key, value } = message;
            await producer.send({ topic: results, messages: [{ key, value }], reply: true });
          },
        });
      }
      const branches: Context[] = [];
      await inSpan('plan', async () => {
        const messages = [0, 1, 2].map((n) => ({ key: `${n}`, value: `${n}`, partition: n }));
        await producer.send({ topic: tasks, messages });
        await handleAll(traced(), [results], 3, async () => void branches.push(context.active()));
        await joinTraces('merge', branches, () => inSpan('answer', async () => {}));
      });
      const handled = named(`process ${results}`);
      const sent = named(`send ${results}`).map((span) => span.spanContext().spanId);
      expect(named(`process ${tasks}`).map((span) => span.parentSpanContext?.spanId)).toEqual(
        Array(3).fill(idOf(`send ${tasks}`)),
      );
      expect(new Set(handled.map((span) => span.parentSpanContext?.spanId))).toEqual(new Set(sent));
      expect(telemetry.find('merge').parentSpanContext?.spanId).toBe(idOf('plan'));
      expect(linksOf('merge').toSorted()).toEqual(handled.map((span) => span.spanContext().spanId).toSorted());
      expect(telemetry.find('answer').parentSpanContext?.spanId).toBe(idOf('merge'));
      expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
      // An answer is not a step deeper: the join is where the planner was.
      expect(telemetry.find('merge').attributes['throughline.lineage.hops']).toBeUndefined();
    });
  });

  describe('batches', () => {
    type Batch = EachBatchPayload & { runWith: RunWith };

    it('partitions consumed concurrently: each message in its own context, while others run', async () => {
      const topic = await partitioned('concurrent', 4);
      for (const n of [0, 1, 2, 3]) {
        const baggage = propagation.createBaggage({ n: { value: `${n}` } });
        await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
          inSpan(`order ${n}`, () =>
            producer.send({
              topic,
              messages: [
                { value: `${n}`, partition: n },
                { value: `${n}`, partition: n },
              ],
            }),
          ),
        );
      }
      const consumer = traced();
      open.push(consumer);
      await subscribed(consumer, topic);
      let running = 0;
      let most = 0;
      let handled = 0;
      const wrong: unknown[] = [];
      let all: () => void;
      const together = new Promise<void>((resolve) => (all = resolve));
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            partitionsConsumedConcurrently: 4,
            eachBatch: async ({ batch, runWith }) => {
              most = Math.max(most, ++running);
              if (running === 4) all();
              await together;
              await Promise.all(
                batch.messages.map((message) =>
                  runWith(message, async () => {
                    await new Promise((next) => setImmediate(next));
                    const n = message.value?.toString();
                    const found = [
                      propagation.getActiveBaggage()?.getEntry('n')?.value,
                      trace.getActiveSpan()?.spanContext().traceId,
                    ];
                    if (found[0] !== n || found[1] !== traceOf(`order ${n}`)) wrong.push([n, found]);
                  }),
                ),
              );
              running--;
              if ((handled += batch.messages.length) === 8) setImmediate(resolve);
            },
          })
          .catch(reject);
      });
      expect(most).toBe(4);
      expect(wrong).toEqual([]);
      expect(named(`process ${topic}`).map((span) => span.links.length)).toEqual([1, 1, 1, 1]);
    });

    it('manual resolve, early return, pause, seek and stale batches work as without us', async () => {
      const topic = await newTopic(kafka, 'manual');
      await inSpan('order', () =>
        producer.send({ topic, messages: Array.from({ length: 6 }, (_, n) => ({ value: `${n}` })) }),
      );
      const consumer = traced();
      open.push(consumer);
      await subscribed(consumer, topic);
      const seen: string[] = [];
      let resume: (() => void) | undefined;
      let step = 0;
      await new Promise<void>((resolve, reject) => {
        const eachBatch = async ({
          batch,
          runWith,
          resolveOffset,
          pause,
          isStale,
          heartbeat,
        }: Batch): Promise<void> => {
          step++;
          for (const message of batch.messages) {
            if (isStale()) {
              seen.push('stale');
              return;
            }
            runWith(message, () => seen.push(message.value?.toString() ?? ''));
            resolveOffset(message.offset);
            await heartbeat();
            // First: resolves two and returns early. Second: pauses. Third: seeks back, which makes its batch stale.
            if (step === 1 && message.offset === '1') return;
            if (step === 2) {
              resume = pause();
              setTimeout(() => resume?.(), 50);
              return;
            }
            if (step === 3) consumer.seek({ topic, partition: 0, offset: '5' });
          }
          if (seen.at(-1) === '5') setImmediate(resolve);
        };
        consumer.run({ eachBatchAutoResolve: false, eachBatch }).catch(reject);
      });
      expect(seen).toEqual(['0', '1', '2', '3', 'stale', '5']);
      expect(named(`process ${topic}`)).toHaveLength(4);
      for (const span of named(`process ${topic}`)) {
        expect(span.links.map((link) => link.context.spanId)).toEqual([idOf(`send ${topic}`)]);
      }
      expect(named(`process ${topic}`).map((span) => span.attributes['messaging.batch.message_count'])).toEqual([
        6, 4, 3, 1,
      ]);
    });

    it('a batch is as deep in its chain as the deepest of its messages', async () => {
      const topic = await newTopic(kafka, 'deepest');
      const headers = (hops: number): Record<string, string> => ({
        traceparent: other,
        baggage: `throughline.lineage=1.${hops}.32.1.-.-.-`,
      });
      await plain.send({ topic, messages: [3, 9, 5].map((hops) => ({ value: 'a', headers: headers(hops) })) });
      const consumer = traced();
      open.push(consumer);
      await subscribed(consumer, topic);
      await new Promise<void>((resolve, reject) => {
        consumer.run({ eachBatch: async () => void setImmediate(resolve) }).catch(reject);
      });
      expect(telemetry.find(`process ${topic}`).attributes['throughline.lineage.hops']).toBe(9);
    });
  });

  describe('consuming', () => {
    it('a subscription by pattern: spans are named for the topic, not the pattern', async () => {
      const prefix = `pattern-${process.pid}`;
      const names = [await newTopic(kafka, prefix), await newTopic(kafka, prefix)];
      for (const topic of names)
        await inSpan(`order ${topic}`, () => producer.send({ topic, messages: [{ value: 'v' }] }));
      const consumer = traced();
      open.push(consumer);
      await consumer.connect();
      await consumer.subscribe({ topics: [new RegExp(`^${prefix}`)], fromBeginning: true });
      let handled = 0;
      await new Promise<void>((resolve, reject) => {
        consumer.run({ eachMessage: async () => void (++handled === 2 && setImmediate(resolve)) }).catch(reject);
      });
      for (const topic of names) {
        expect(traceOf(`process ${topic}`)).toBe(traceOf(`order ${topic}`));
        expect(telemetry.find(`process ${topic}`).attributes['messaging.destination.name']).toBe(topic);
      }
    });

    it('what the conventions ask of both ends, and nothing else', async () => {
      const topic = await newTopic(kafka, 'semantics');
      const client = { clientId: 'billing' };
      await inSpan('work', () =>
        traceProducer(plain, client).send({
          topic,
          messages: [
            { key: null, value: null },
            { key: 'k', value: 'v' },
          ],
        }),
      );
      await handleAll(traced(client, `${topic}-group`), [topic], 2, async () => {});
      const about = (operation: string): object => ({
        'messaging.system': 'kafka',
        'messaging.operation.name': operation,
        'messaging.operation.type': operation,
        'messaging.destination.name': topic,
        'messaging.client.id': 'billing',
        'messaging.destination.partition.id': '0',
      });
      expect(telemetry.find(`send ${topic}`).attributes).toEqual({
        ...about('send'),
        'messaging.batch.message_count': 2,
      });
      const received = {
        ...about('process'),
        'messaging.consumer.group.name': `${topic}-group`,
        'throughline.calls': 0,
        'throughline.queue.duration': expect.any(Number),
      };
      expect(named(`process ${topic}`).map((span) => span.attributes)).toEqual([
        { ...received, 'messaging.kafka.offset': 0, 'messaging.kafka.message.tombstone': true },
        { ...received, 'messaging.kafka.offset': 1 },
      ]);
    });

    it('the metrics of the conventions, with their units and buckets', async () => {
      const topic = await newTopic(kafka, 'metrics');
      const exporter = new InMemoryMetricExporter(1);
      const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
      const measured = traceProducer(plain, { meterProvider });
      await measured.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
      await measured.send({ topic: '\u0000', messages: [{ value: 'a' }] }).catch(() => {});
      let failures = 0;
      await handleAll(traced({ meterProvider }, `${topic}-group`), [topic], 2, async () => {
        if (failures++ === 0) throw new Error('again');
      });
      await meterProvider.forceFlush();
      const [{ scopeMetrics } = { scopeMetrics: [] }] = exporter.getMetrics();
      const metrics = scopeMetrics
        .flatMap((scope) => scope.metrics)
        .filter(({ descriptor }) => descriptor.name.startsWith('messaging.'));
      const points = (name: string): unknown[] =>
        metrics
          .filter(({ descriptor }) => descriptor.name === name)
          .flatMap(({ dataPoints }) => dataPoints as { attributes: Record<string, unknown>; value: unknown }[])
          .filter(({ attributes }) => attributes['messaging.destination.name'] === topic)
          .map(({ attributes, value }) => [
            attributes['error.type'],
            typeof value === 'number' ? value : (value as { count: number }).count,
          ]);
      expect(points('messaging.client.sent.messages')).toEqual([[undefined, 2]]);
      expect(points('messaging.client.operation.duration')).toEqual([[undefined, 1]]);
      expect(points('messaging.client.consumed.messages')).toEqual([
        ['Error', 1],
        [undefined, 2],
      ]);
      expect(points('messaging.process.duration')).toEqual([
        ['Error', 1],
        [undefined, 2],
      ]);
      expect(Object.fromEntries(metrics.map(({ descriptor }) => [descriptor.name, descriptor.unit]))).toEqual({
        'messaging.client.sent.messages': '{message}',
        'messaging.client.operation.duration': 's',
        'messaging.client.consumed.messages': '{message}',
        'messaging.process.duration': 's',
      });
      const histogram = metrics.find(({ descriptor }) => descriptor.name === 'messaging.process.duration');
      const value = histogram?.dataPoints[0]?.value as { buckets: { boundaries: number[] } } | undefined;
      expect(value?.buckets.boundaries).toEqual([
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
      ]);
      expect((histogram?.dataPoints[0]?.attributes ?? {})['messaging.consumer.group.name']).toBe(`${topic}-group`);
      await meterProvider.shutdown();
    });
  });

  describe('messages of other clients', () => {
    it('of librdkafka: its context is the parent, bytes and all', async () => {
      const topic = await newTopic(kafka, 'librdkafka');
      const client = new KafkaClient({ brokers: broker.brokers.join(), clientId: 'crab' });
      const librdkafka = client.createProducer();
      await librdkafka.send({
        topic,
        messages: [
          {
            payload: Buffer.from('v'),
            headers: { traceparent: Buffer.from(other), mine: Buffer.from([0, 255]), baggage: Buffer.from('tenant=a') },
          },
        ],
      });
      let tenant: unknown;
      await handleAll(traced(), [topic], 1, async () => {
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
      });
      expect(tenant).toBe('a');
      expect(telemetry.find(`process ${topic}`).parentSpanContext).toMatchObject({
        spanId: '2222222222222222',
        isRemote: true,
      });
    });

    it('with null and repeated headers: the last valid traceparent, and `forwardHeaders` gives what kafkajs can encode', async () => {
      const [topic, dead] = [await newTopic(kafka, 'foreign'), await newTopic(kafka, 'foreign-dead')];
      const foreign = new PlatformaticProducer({ clientId: 'foreign', bootstrapBrokers: broker.brokers });
      const bytes = (text: string): Buffer => Buffer.from(text);
      const headers = new Map<Buffer, Buffer>([
        [bytes('traceparent'), bytes(other)],
        [bytes('nothing'), null as never],
        [bytes('TraceParent'), bytes(another)],
        [bytes('traceparent'), bytes('broken')],
        [bytes('list'), bytes('a')],
        [bytes('list'), null as never],
        [bytes('list'), bytes('b')],
      ]);
      await foreign.send({ messages: [{ topic, value: bytes('v'), headers }] });
      await foreign.close();
      await handleAll(traced(), [topic], 1, async ({ message }) => {
        expect(message.headers?.['nothing']).toBeNull();
        await producer.send({ topic: dead, messages: [{ value: message.value, headers: forwardHeaders(message) }] });
      });
      expect(telemetry.find(`process ${topic}`).parentSpanContext?.spanId).toBe('4444444444444444');
      const [letter] = await readAll(kafka, dead, 1);
      expect(textOf(letter?.headers)).toEqual({
        list: ['a', 'b'],
        traceparent: expect.stringContaining(idOf(`send ${dead}`)),
        baggage: expect.any(String),
      });
    });
  });

  describe('chains past their limits', () => {
    const enforced = { lineage: { mode: 'enforce', maxHops: 2 } } as const;

    it('a send is refused before any work, and rejects with the LineageError', async () => {
      const [one, two, three] = [await newTopic(kafka, 'h1'), await newTopic(kafka, 'h2'), await newTopic(kafka, 'h3')];
      const strict = traceProducer(plain, enforced);
      await inSpan('start', () => strict.send({ topic: one, messages: [{ value: 'v' }] }));
      await handleAll(traced(enforced), [one], 1, async () => {
        await strict.send({ topic: two, messages: [{ value: 'v' }] });
      });
      let refused: unknown;
      await handleAll(traced(enforced), [two], 1, async () => {
        refused = await strict.send({ topic: three, messages: [{ value: 'v' }] }).catch((error: unknown) => error);
      });
      expect(isLineageError(refused)).toBe(true);
      expect(refused).toMatchObject({ reason: 'hops' });
      expect(telemetry.find(`send ${three}`).attributes['error.type']).toBe('throughline.hops');
      const admin = kafka.admin();
      await admin.connect();
      expect((await admin.fetchTopicOffsets(three))[0]?.high).toBe('0');
      await admin.disconnect();
    });

    it('a message is refused: `onRefused` sends it to a dead-letter topic, where its trace and its lineage go on', async () => {
      const [topic, dead] = [await newTopic(kafka, 'deep'), await newTopic(kafka, 'deep-dead')];
      const strict = traceProducer(plain, enforced);
      const headers = { traceparent: other, baggage: 'throughline.lineage=1.3.2.1.-.-.-' };
      await plain.send({ topic, messages: [{ key: 'k', value: 'v', headers }] });
      let handled = 0;
      const refused = new Promise<void>((resolve, reject) => {
        const consumer = traced({
          ...enforced,
          onRefused: async (refusal, { message }) => {
            await strict.send({
              topic: dead,
              messages: [
                { ...(message as KafkaMessage), headers: { ...forwardHeaders(message), reason: refusal.refused } },
              ],
            });
            setImmediate(resolve);
          },
        });
        open.push(consumer);
        subscribed(consumer, topic)
          .then(() => consumer.run({ eachMessage: async () => void handled++ }))
          .catch(reject);
      });
      await refused;
      const [letter] = await readAll(kafka, dead, 1);
      expect(handled).toBe(0);
      expect(textOf(letter?.headers)).toMatchObject({
        reason: 'hops',
        baggage: expect.stringMatching(/=1\.3\.2\.1\./),
      });
      expect(traceOf(`send ${dead}`)).toBe('1'.repeat(32));
      expect(telemetry.find(`send ${dead}`).parentSpanContext?.spanId).toBe(idOf(`process ${topic}`));
      expect(telemetry.find(`process ${topic}`).attributes['error.type']).toBe('throughline.hops');
    });

    it('in a batch `runWith` refuses the one message, and gives what `onRefused` returns', async () => {
      const topic = await newTopic(kafka, 'deep-batch');
      const headers = (hops: number): Record<string, string> => ({
        traceparent: other,
        baggage: `throughline.lineage=1.${hops}.2.1.-.-.-`,
      });
      await plain.send({ topic, messages: [1, 3].map((hops) => ({ value: `${hops}`, headers: headers(hops) })) });
      const consumer = traced({ ...enforced, onRefused: (_, { message }) => `refused ${message.value?.toString()}` });
      open.push(consumer);
      await subscribed(consumer, topic);
      const results = await new Promise<unknown[]>((resolve, reject) => {
        consumer
          .run({
            eachBatch: async ({ batch, runWith }) =>
              resolve(batch.messages.map((message) => runWith(message, () => `handled ${message.value?.toString()}`))),
          })
          .catch(reject);
      });
      expect(results).toEqual(['handled 1', 'refused 3']);
    });

    it('without `onRefused` the handler fails with the LineageError', async () => {
      const topic = await newTopic(kafka, 'deep-plain');
      const headers = { traceparent: other, baggage: 'throughline.lineage=1.3.2.1.-.-.-' };
      await plain.send({ topic, messages: [{ value: 'v', headers }] });
      const consumer = traced(enforced);
      await subscribed(consumer, topic);
      const crashed = new Promise<Error>((resolve) =>
        consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error)),
      );
      await consumer.run({ eachMessage: async () => {} });
      expect(isLineageError((await crashed).cause)).toBe(true);
      await consumer.disconnect();
    });
  });

  it('no span is left open by any of it', () => {
    expect(openSpans.named()).toEqual([]);
  });
});

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { Kafka, logLevel } from 'kafkajs';
import type { Consumer } from 'kafkajs';
import { expect, it } from 'vitest';
import { forwardHeaders, traceConsumer, traceProducer } from '../src/index.ts';
import { broker, kafka, named, onBroker, open, openSpans, plain, producer, telemetry } from './on-broker.ts';
import { handleAll, newConsumer, newTopic, readAll, subscribed, textOf } from './topics.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

onBroker('what goes wrong, on a real broker', () => {
  const event = (consumer: Consumer, name: 'CRASH' | 'GROUP_JOIN'): Promise<unknown> =>
    new Promise((resolve) => {
      if (name === 'CRASH') consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload));
      else consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload));
    });

  it('a poison message goes to the dead-letter topic after its attempts, and those behind it are handled', async () => {
    const [topic, dead] = [await newTopic(kafka, 'poison'), await newTopic(kafka, 'poison-dead')];
    await producer.send({ topic, messages: [{ value: '{"a":1}' }, { value: '{broken' }, { value: '{"a":2}' }] });
    const attempts = new Map<string, number>();
    const parsed: unknown[] = [];
    let handled = 0;
    const consumer = traceConsumer(newConsumer(kafka));
    open.push(consumer);
    await subscribed(consumer, topic);
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            const attempt = (attempts.get(message.offset) ?? 0) + 1;
            attempts.set(message.offset, attempt);
            try {
              parsed.push(JSON.parse(message.value?.toString() ?? ''));
            } catch (error) {
              // A SyntaxError would stop the consumer for good.
              if (attempt < 3) throw new Error('not JSON', { cause: error });
              await producer.send({
                topic: dead,
                messages: [{ value: message.value, headers: forwardHeaders(message) }],
              });
            }
            if (++handled === 3) setImmediate(resolve);
          },
        })
        .catch(reject);
    });
    expect(parsed).toEqual([{ a: 1 }, { a: 2 }]);
    expect([...attempts.values()]).toEqual([1, 3, 1]);
    const [letter] = await readAll(kafka, dead, 1);
    const send = telemetry.find(`send ${topic}`);
    expect(String(textOf(letter?.headers)['traceparent'])).toContain(send.spanContext().traceId);
    expect(named(`process ${topic}`).map((span) => span.attributes['error.type'])).toEqual([
      undefined,
      'Error',
      'Error',
      undefined,
      undefined,
    ]);
  });

  it('a crash and a restart of the consumer leave no span open, and the message is handled again', async () => {
    const topic = await newTopic(kafka, 'crash');
    await producer.send({ topic, messages: [{ value: 'v' }] });
    const consumer = traceConsumer(
      kafka.consumer({ groupId: topic, maxWaitTimeInMs: 50, retry: { retries: 1, initialRetryTime: 10 } }),
    );
    open.push(consumer);
    await subscribed(consumer, topic);
    const crash = event(consumer, 'CRASH');
    let deliveries = 0;
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async () => {
            if (++deliveries <= 2) throw new Error('again');
            setImmediate(resolve);
          },
        })
        .catch(reject);
    });
    expect(await crash).toMatchObject({ restart: true });
    expect(named(`process ${topic}`)).toHaveLength(3);
    expect(openSpans.named(topic)).toEqual([]);
  });

  it('telemetry that throws while a hop ends stops no consumer and fails no send', async () => {
    const topic = await newTopic(kafka, 'telemetry');
    const failing = {
      getTracer: () => ({
        startSpan: () => {
          const span = trace.getTracer('test').startSpan('inner');
          span.end = () => {
            throw new TypeError('a span processor of the application');
          };
          return span;
        },
      }),
    };
    const tracerProvider = failing as never;
    await traceProducer(plain, { tracerProvider }).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
    let handled = 0;
    await handleAll(traceConsumer(newConsumer(kafka), { tracerProvider }), [topic], 2, async () => void handled++);
    expect(handled).toBe(2);
    openSpans.forget('inner');
  });

  it('a rebalance while handlers run ends their spans, and every message is handled in its own trace', async () => {
    const topic = await newTopic(kafka, 'rebalance');
    const admin = kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    await admin.disconnect();
    await producer.send({
      topic,
      messages: Array.from({ length: 40 }, (_, n) => ({ value: `${n}`, partition: n % 2 })),
    });
    const group = `${topic}-group`;
    const member = (): Consumer => kafka.consumer({ groupId: group, maxWaitTimeInMs: 50, heartbeatInterval: 100 });
    const [first, second] = [traceConsumer(member()), traceConsumer(member())];
    open.push(first, second);
    const handled = new Set<string>();
    let rebalanced = false;
    let done: () => void;
    const all = new Promise<void>((resolve) => (done = resolve));
    const handle = async (value: string | undefined): Promise<void> => {
      handled.add(value ?? '');
      if (handled.size === 40) setImmediate(done);
    };
    await subscribed(first, topic);
    await first.run({
      partitionsConsumedConcurrently: 2,
      eachMessage: async ({ message, heartbeat }) => {
        // Waits in the handler until the group changes, which the heartbeat says by throwing.
        while (!rebalanced) {
          await new Promise((next) => setTimeout(next, 20));
          try {
            await heartbeat();
          } catch (error) {
            rebalanced = true;
            throw error;
          }
        }
        await handle(message.value?.toString());
      },
    });
    await subscribed(second, topic);
    await second.run({ eachMessage: async ({ message }) => handle(message.value?.toString()) });
    await all;
    for (const one of open.splice(0)) await one.disconnect();
    const send = telemetry.find(`send ${topic}`).spanContext();
    const processed = named(`process ${topic}`);
    expect(processed.length).toBeGreaterThanOrEqual(41);
    expect(processed.every((span) => span.parentSpanContext?.spanId === send.spanId)).toBe(true);
    expect(processed.some((span) => span.attributes['error.type'] === 'REBALANCE_IN_PROGRESS')).toBe(true);
    expect(openSpans.named(topic)).toEqual([]);
  });

  it('a handler that never returns: its span ends, the group goes on without it, and so does `disconnect`', async () => {
    const topic = await newTopic(kafka, 'stuck');
    const group = `${topic}-group`;
    await producer.send({ topic, messages: [{ value: 'v' }] });
    const member = (): Consumer =>
      kafka.consumer({ groupId: group, maxWaitTimeInMs: 50, sessionTimeout: 6000, heartbeatInterval: 500 });
    const [stuck, patient, other] = [
      traceConsumer(member(), { handlerTimeout: 300 }),
      traceConsumer(kafka.consumer({ groupId: `${topic}-patient`, maxWaitTimeInMs: 50 })),
      traceConsumer(member()),
    ];
    for (const consumer of [stuck, patient]) {
      await subscribed(consumer, topic);
      const entered = new Promise<void>((resolve) => {
        void consumer.run({
          eachMessage: () => {
            resolve();
            return new Promise(() => {});
          },
        });
      });
      await entered;
    }
    // Clients wait for a handler without end: nobody else would end this one's span.
    const gone = Date.now();
    void patient.disconnect();
    await expect
      .poll(() => named(`process ${topic}`).map((span) => span.attributes['error.type']))
      .toEqual(['handler_timeout']);

    // The session times out, the group rebalances, and another member gets the message.
    open.push(other);
    await subscribed(other, topic);
    await new Promise<void>((resolve, reject) => {
      other.run({ eachMessage: async () => void setImmediate(resolve) }).catch(reject);
    });
    await expect
      .poll(() => named(`process ${topic}`).map((span) => span.attributes['error.type']), { timeout: 10_000 })
      .toEqual(expect.arrayContaining(['handler_timeout', 'abandoned', undefined]));
    expect(Date.now() - gone).toBeGreaterThanOrEqual(5000);
    expect(openSpans.named(topic)).toEqual([]);
  });

  it('headers up to the limit of the broker pass, and past it the send fails as it does without us', async () => {
    const topic = await newTopic(kafka, 'large');
    const withHeaders = (
      bytes: number,
    ): { topic: string; messages: { value: string; headers: Record<string, string> }[] } => ({
      topic,
      messages: [{ value: 'v', headers: { large: 'x'.repeat(bytes) } }],
    });
    await producer.send(withHeaders(1_048_000));
    const [message] = await readAll(kafka, topic, 1);
    expect(textOf(message?.headers)['large']).toHaveLength(1_048_000);
    const failure = async (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'nothing',
        (error: unknown) => (error as { type?: string }).type,
      );
    expect(await failure(plain.send(withHeaders(1_100_000)))).toBe('MESSAGE_TOO_LARGE');
    expect(await failure(producer.send(withHeaders(1_100_000)))).toBe('MESSAGE_TOO_LARGE');
    expect(named(`send ${topic}`).at(-1)?.attributes['error.type']).toBe('MESSAGE_TOO_LARGE');

    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`h${n}`, `${n}`]));
    await producer.send({ topic, messages: [{ value: 'v', headers: many }] });
    await handleAll(traceConsumer(newConsumer(kafka)), [topic], 2, async () => {});
    expect(named(`process ${topic}`).map((span) => span.parentSpanContext?.spanId)).toEqual(
      [named(`send ${topic}`)[0], named(`send ${topic}`)[2]].map((span) => span?.spanContext().spanId),
    );
  });

  it('8 KB of baggage on a thousand messages: the allowlist bounds what is stored', async () => {
    const entries = Object.fromEntries(
      Array.from({ length: 63 }, (_, n) => [`key-${n}`, { value: 'x'.repeat(120) }] as const),
    );
    const heavy = propagation.setBaggage(
      ROOT_CONTEXT,
      propagation.createBaggage({ ...entries, tenant: { value: 'a' } }),
    );
    const thousand = Array.from({ length: 1000 }, (_, n) => ({ value: `${n}` }));
    const stored = async (options: Parameters<typeof traceProducer>[1], atOnce: number): Promise<number> => {
      const topic = await newTopic(kafka, 'baggage');
      const sender = traceProducer(plain, options);
      for (let at = 0; at < 1000; at += atOnce)
        await context.with(heavy, () => sender.send({ topic, messages: thousand.slice(at, at + atOnce) }));
      let bytes = 0;
      for (const { headers } of await readAll(kafka, topic, 1000)) bytes += String(headers?.['baggage'] ?? '').length;
      return bytes / 1000;
    };
    // All of it in every message: a batch that is small without it is past the broker's limit with it.
    await expect(stored({}, 1000)).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
    expect(await stored({}, 100)).toBeGreaterThan(7800);
    expect(await stored({ baggage: { send: ['tenant'] } }, 1000)).toBeLessThan(100);
    expect(await stored({ baggage: { send: false } }, 1000)).toBeLessThan(60);
  });

  it('the broker is killed and restarted in the middle of 100,000 messages: nothing lost, nothing without its trace', async () => {
    const COUNT = 100_000;
    const AT_ONCE = 500;
    const [topic, dead] = [await newTopic(kafka, 'many'), await newTopic(kafka, 'many-dead')];
    const admin = kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    await admin.disconnect();

    const enduring = new Kafka({
      brokers: broker.brokers,
      clientId: 'enduring',
      logLevel: logLevel.NOTHING,
      connectionTimeout: 1000,
      retry: { retries: 100, initialRetryTime: 100, maxRetryTime: 500, factor: 0 },
    });
    const sender = traceProducer(enduring.producer());
    const letters = traceProducer(enduring.producer());
    await sender.connect();
    await letters.connect();
    open.push(sender, letters);

    const handled = new Uint8Array(COUNT);
    const lettered = new Uint8Array(COUNT);
    let left = COUNT;
    let leftLetters = COUNT / 100;
    let untraced = 0;
    let done: () => void;
    const all = new Promise<void>((resolve) => (done = resolve));
    const sentTraces = new Set<string>();
    const arrived = (): void => {
      if (!sentTraces.has(trace.getActiveSpan()?.spanContext().traceId ?? '')) untraced++;
    };
    const group = `${topic}-group`;
    const member = async (names: string[], groupId: string, handle: Parameters<Consumer['run']>[0]): Promise<void> => {
      const consumer = traceConsumer(
        enduring.consumer({ groupId, maxWaitTimeInMs: 100, sessionTimeout: 6000, heartbeatInterval: 500 }),
      );
      open.push(consumer);
      await subscribed(consumer, ...names);
      await consumer.run(handle);
    };
    const work = {
      eachMessage: async ({ message }: { message: { value: Buffer | null; headers?: object } }): Promise<void> => {
        arrived();
        const n = Number(message.value?.toString());
        // One in a hundred is poison.
        if (n % 100 === 0) {
          await letters.send({ topic: dead, messages: [{ value: message.value, headers: forwardHeaders(message) }] });
        }
        if (handled[n] === 0) {
          handled[n] = 1;
          if (--left === 0 && leftLetters === 0) done();
        }
      },
    };
    await member([topic], group, work);
    await member([topic], group, work);
    await member([dead], `${dead}-group`, {
      eachMessage: async ({ message }) => {
        arrived();
        const n = Number(message.value?.toString());
        if (lettered[n] === 0) {
          lettered[n] = 1;
          if (--leftLetters === 0 && left === 0) done();
        }
      },
    });

    let restarted: Promise<void> | undefined;
    const heap: number[] = [];
    for (let at = 0; at < COUNT; at += AT_ONCE) {
      const messages = Array.from({ length: AT_ONCE }, (_, n) => ({ value: `${at + n}`, partition: (at + n) % 4 }));
      await trace.getTracer('test').startActiveSpan('order', async (span) => {
        sentTraces.add(span.spanContext().traceId);
        await sender.send({ topic, messages });
        span.end();
      });
      if (at === COUNT * 0.4) restarted = broker.kill().then(() => broker.restart());
      if (at % 10_000 === 0) {
        // The exporter of the tests keeps what it gets; the sizes below are of what is left.
        void telemetry.reset();
        collect();
        heap.push(process.memoryUsage().heapUsed);
      }
    }
    await restarted;
    await all;
    void telemetry.reset();
    for (const one of open.splice(0).reverse()) await one.disconnect();

    expect(handled.every((one) => one === 1)).toBe(true);
    expect(lettered.reduce((sum, one) => sum + one, 0)).toBe(COUNT / 100);
    expect(untraced).toBe(0);
    expect(openSpans.named()).toEqual([]);
    const [early, late] = [Math.max(...heap.slice(1, 4)), Math.max(...heap.slice(-3))];
    expect(late).toBeLessThan(early * 1.5 + 10e6);
  }, 90_000);
});

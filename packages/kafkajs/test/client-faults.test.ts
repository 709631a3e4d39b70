import { Kafka, KafkaJSNumberOfRetriesExceeded, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { expect, it } from 'vitest';
import { traceProducer } from '../src/index.ts';
import { broker, kafka, named, onBroker, plain, telemetry } from './on-broker.ts';
import { newTopic } from './topics.ts';

/** A producer that gives up soon, not connected yet. */
const impatient = (): Producer => {
  const { brokers } = broker;
  const retry = { retries: 1, initialRetryTime: 20 };
  return new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 500,
    requestTimeout: 500,
    retry,
  }).producer();
};

/** What an error says, down to the last cause. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, type, code, retriable, cause } = error as Error & Readonly<Record<string, unknown>>;
  return { constructor: error.constructor, name, message, type, code, retriable, cause: told(cause) };
}

const failureOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'nothing',
    (error: unknown) => told(error),
  );

onBroker('what goes wrong with a producer is the same traced as bare', () => {
  async function alike(topic: string, type: string, bare: Producer, run: (producer: Producer) => Promise<unknown>) {
    const theirs = await failureOf(run(bare));
    expect(theirs).not.toBe('nothing');
    expect(await failureOf(run(traceProducer(bare)))).toEqual(theirs);
    expect(named(`send ${topic}`).map(({ attributes }) => attributes['error.type'])).toEqual([type]);
    await telemetry.reset();
  }

  it('before it is connected', async () => {
    const one = { topic: 'any', messages: [{ value: 'v' }] };
    await alike('any', 'KafkaJSError', impatient(), (producer) => producer.send(one));
  });

  it('a name that no topic can have', async () => {
    const one = { topic: 'no topic!', messages: [{ value: 'v' }] };
    await alike('no topic!', 'INVALID_TOPIC_EXCEPTION', plain, (producer) => producer.send(one));
  });

  it('a send that kafkajs gave up on: the span has what it was given up for', async () => {
    const missing = Object.assign(new Error('no'), {
      name: 'KafkaJSProtocolError',
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    const givenUp = new KafkaJSNumberOfRetriesExceeded(missing, { retryCount: 5, retryTime: 300 });
    const send: Producer['send'] = () => Promise.reject(givenUp);
    const failing = traceProducer({ ...plain, send });
    await expect(failing.send({ topic: 'any', messages: [{ value: 'v' }] })).rejects.toBe(givenUp);
    expect(telemetry.find('send any').attributes['error.type']).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  // The last one: the broker does not come back.
  it('the broker is killed: a topic that is known, one that is not, and connecting', async () => {
    const topic = await newTopic(kafka, 'killed');
    const producer = impatient();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'v' }] });
    await broker.kill();
    // What is written to the connection that is being closed fails in its own way.
    await failureOf(producer.send({ topic, messages: [{ value: 'v' }] }));
    for (const name of [topic, 'unknown'])
      await alike(name, 'ECONNREFUSED', producer, (sender) => sender.send({ topic: name, messages: [{ value: 'v' }] }));
    const refused = { name: 'KafkaJSNumberOfRetriesExceeded', cause: { code: 'ECONNREFUSED' } };
    expect(await failureOf(impatient().connect())).toMatchObject(refused);
    expect(await failureOf(traceProducer(impatient()).connect())).toMatchObject(refused);
  });
});

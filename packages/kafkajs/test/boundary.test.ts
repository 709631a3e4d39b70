import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { internalMesh, publicEdge } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import type { HopOptions, Peer } from '@throughline/core';
import { kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import type { Kafka, Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceConsumer, traceProducer } from '../src/index.ts';
import type { ConsumerOptions } from '../src/index.ts';
import { connect, handleAll, newConsumer, newTopic, readAll, subscribed, textOf } from './topics.ts';

const available = await kafkaAvailability();
const traceId = '0af7651916cd43dd8448eb211c80319c';
const theirs = {
  traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  tracestate: 'theirs=1,ot=th:fd70a',
  baggage: 'tenant=acme',
  'X-Partner': 'yes',
};

describe.skipIf(available.missing)(`the boundary on a real broker${available.note}`, () => {
  let broker: RunningKafka;
  let kafka: Kafka;
  let plain: Producer;
  let telemetry: Telemetry;

  beforeAll(async () => {
    broker = await startKafka();
    kafka = connect(broker.brokers);
    plain = kafka.producer();
    await plain.connect();
  });
  afterEach(() => telemetry.shutdown());
  afterAll(async () => {
    await plain?.disconnect();
    await broker?.stop();
  });

  /** Handles one message with these headers under the options; returns its span and the baggage that the handler saw. */
  async function handle(options: HopOptions) {
    const topic = await newTopic(kafka, 'in');
    await plain.send({ topic, messages: [{ value: 'v', headers: theirs }] });
    let tenant: string | undefined;
    let flags: number | undefined;
    await handleAll(traceConsumer(newConsumer(kafka), options), [topic], 1, async () => {
      tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
      flags = trace.getActiveSpan()?.spanContext().traceFlags;
    });
    return { topic, tenant, flags, span: telemetry.spans().find(({ name }) => name === `process ${topic}`) };
  }

  /** What is on the broker of a message that was sent with baggage, under the options. */
  async function sent(name: string, options: HopOptions): Promise<Record<string, unknown>> {
    const topic = await newTopic(kafka, name);
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' }, user: { value: 'ada' } });
    const span = trace.getTracer('test').startSpan('turn');
    const active = trace.setSpan(propagation.setBaggage(ROOT_CONTEXT, baggage), span);
    await context.with(active, () =>
      traceProducer(plain, options).send({ topic, messages: [{ value: 'v', headers: { own: '1' } }] }),
    );
    span.end();
    const [message] = await readAll(kafka, topic, 1);
    return textOf(message?.headers);
  }

  it('tells a policy the topic and the headers of the message, and asks `authenticated` first', async () => {
    telemetry = startTelemetry();
    const seen: Peer[] = [];
    const { topic } = await handle({
      authenticated: ({ headers }) => headers.get('x-partner') === 'yes',
      inbound: (peer) => (seen.push(peer), 'continue'),
    });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ transport: 'kafka', channel: 'broker', name: topic, authenticated: true });
    expect(seen[0]?.headers.get('traceparent')).toBe(theirs.traceparent);
  });

  it('at a public edge a message starts a trace that links to the sender’s, without its tracestate and baggage', async () => {
    telemetry = startTelemetry();
    const { span, tenant } = await handle(publicEdge());
    expect(span?.spanContext().traceId).not.toBe(traceId);
    expect(span?.links.map((link) => link.context.traceId)).toEqual([traceId]);
    expect([span?.spanContext().traceState?.serialize(), tenant]).toEqual([undefined, undefined]);
  });

  it('in a mesh the trace goes on, its sampling, tracestate and baggage with it', async () => {
    telemetry = startTelemetry({ sampler: edgeSampler({ ratio: 0 }) });
    const { span, tenant } = await handle(internalMesh());
    expect(span?.spanContext()).toMatchObject({ traceId, traceFlags: 1 });
    expect([span?.spanContext().traceState?.serialize(), tenant]).toEqual([theirs.tracestate, 'acme']);
  });

  it('the sampled flag of a sender who is said to be a stranger has no weight', async () => {
    telemetry = startTelemetry({ sampler: edgeSampler({ ratio: 0 }) });
    const { span, flags } = await handle({ authenticated: () => false });
    expect([span, flags]).toEqual([undefined, 0]);
  });

  describe('a batch', () => {
    const forged = { ...theirs, baggage: 'throughline.lineage=1.32.32.1.-.-.-' };
    const sound = {
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      baggage: 'throughline.lineage=1.3.32.1.-.-.-',
      'X-Partner': 'no',
    };

    /** Handles a batch of two messages, each of which is answered; returns what became of the answers, and the spans. */
    async function handleBatch(options: ConsumerOptions) {
      const topic = await newTopic(kafka, 'batch');
      const answers = await newTopic(kafka, 'answers');
      const value = 'v';
      await plain.send({ topic, messages: [forged, sound].map((headers) => ({ value, headers })) });
      const consumer = traceConsumer(newConsumer(kafka), options);
      const producer = traceProducer(plain, { lineage: { mode: 'enforce' } });
      await subscribed(consumer, topic);
      const fates: string[] = [];
      const send = (): Promise<void> =>
        producer.send({ topic: answers, messages: [{ value }] }).then(
          () => void fates.push('sent'),
          (error: unknown) => void fates.push((error as Error).name),
        );
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            eachBatch: async ({ batch, runWith }) => {
              await send();
              for (const message of batch.messages) await runWith(message, send);
              setImmediate(resolve);
            },
          })
          .catch(reject);
      });
      await consumer.disconnect();
      const span = telemetry.find(`process ${topic}`);
      return { topic, fates, links: span.links.map((link) => link.context.traceId), attributes: span.attributes };
    }

    const HOPS = 'throughline.lineage.hops';

    it.each([
      ['restart', []],
      ['restart-with-link', [traceId, '1'.repeat(32)]],
    ] as const)('under `%s` takes no lineage in: a forged member refuses nothing', async (inbound, links) => {
      telemetry = startTelemetry();
      const handled = await handleBatch({ inbound, lineage: { mode: 'enforce' } });
      expect(handled.fates).toEqual(['sent', 'sent', 'sent']);
      expect([handled.links, handled.attributes[HOPS]]).toEqual([links, undefined]);
      expect(telemetry.spans().every(({ attributes }) => attributes[HOPS] === undefined)).toBe(true);
      expect(await telemetry.hops()).toMatchObject({ 'kafka inbound started': 1, 'kafka inbound restarted': 2 });
    });

    it('asks a policy for each message of it, with its headers, before its link or its lineage counts', async () => {
      telemetry = startTelemetry();
      const asked: (string | undefined)[] = [];
      const { topic, fates, links, attributes } = await handleBatch({
        inbound: ({ headers, name, authenticated }) => {
          asked.push(`${name} ${headers.get('x-partner')} ${authenticated}`);
          return authenticated === true ? 'restart' : 'continue';
        },
        authenticated: ({ headers }) => headers.get('x-partner') === 'yes',
        lineage: { mode: 'enforce' },
      });
      expect(asked.slice(0, 2)).toEqual([`${topic} yes true`, `${topic} no false`]);
      expect(fates).toEqual(['sent', 'sent', 'sent']);
      expect([links, attributes[HOPS]]).toEqual([['1'.repeat(32)], 3]);
    });

    it('under `keepOnRestart` is in the chain of its messages, without their links', async () => {
      telemetry = startTelemetry();
      const { links, attributes } = await handleBatch({ inbound: 'restart', lineage: { keepOnRestart: true } });
      expect([links, attributes[HOPS]]).toEqual([[], 32]);
    });

    it('links a message that is too old, and stays in its chain', async () => {
      telemetry = startTelemetry();
      const topic = await newTopic(kafka, 'old');
      const timestamp = String(Date.now() - 60_000);
      await plain.send({ topic, messages: [{ value: 'v', headers: sound, timestamp }] });
      const consumer = traceConsumer(newConsumer(kafka), { maxParentAge: 1000 });
      await subscribed(consumer, topic);
      await new Promise<void>((resolve, reject) => {
        consumer.run({ eachBatch: async () => void setImmediate(resolve) }).catch(reject);
      });
      await consumer.disconnect();
      const span = telemetry.find(`process ${topic}`);
      expect([span.links.length, span.attributes[HOPS]]).toEqual([1, 3]);
    });
  });

  it('baggage goes out by topic and key, and a topic may get nothing', async () => {
    telemetry = startTelemetry();
    const options: HopOptions = {
      baggage: {
        send: ({ name }, firstParty) => (firstParty && name?.startsWith('partners') ? ['tenant'] : firstParty),
      },
      outbound: ({ name }) => (name?.startsWith('public') ? 'suppress' : 'inject'),
    };
    const members = async (name: string) => String((await sent(name, options))['baggage']);
    expect(await members('tasks')).toMatch(/tenant=acme,user=ada/);
    expect(await members('partners')).toMatch(/tenant=acme/);
    expect(await members('partners')).not.toMatch(/ada/);
    expect(await sent('public', options)).toEqual({ own: '1' });
  });
});

import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { internalMesh, publicEdge } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import type { HopOptions, Peer } from '@throughline/core';
import { kafkaAvailability, startKafka } from '@throughline/embedded-kafka';
import type { RunningKafka } from '@throughline/embedded-kafka';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import type { Kafka, Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceConsumer, traceProducer } from '../src/index.ts';
import { connect, handleAll, newConsumer, newTopic, readAll, textOf } from './topics.ts';

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

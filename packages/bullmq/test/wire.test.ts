import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { ThroughlineError } from '@throughline/core';
import { Queue, Worker } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractContext, injectMetadata, traceBullMQ, tracedFlow, tracedProcessor } from '../src/index.ts';
import { formatMetadata, parseMetadata, retryOf } from '../src/metadata.ts';
import { closing, connection, ended, idOf, inSpan, named, newName, onRedis, telemetry, traceOf } from './on-redis.ts';

describe('the metadata of a job', () => {
  it('is read whatever it is, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), (metadata) => {
        const fields = parseMetadata(metadata);
        expect(fields === undefined || typeof fields === 'object').toBe(true);
        retryOf(fields, '1');
        extractContext({ queueName: 'q', opts: { telemetry: { metadata: metadata as string } } });
      }),
    );
  });

  it('says which attempt comes next, of that very job alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(1000), fc.string(), (attempt, starts, jobId) => {
        const fields = parseMetadata(formatMetadata({ traceparent: 'x' }, { attempt, starts, jobId }));
        expect(retryOf(fields, jobId)).toEqual({ attempt, starts, jobId });
        expect(retryOf(fields, `${jobId}x`)).toBeUndefined();
      }),
    );
    for (const retry of ['', '1', 'NaN 0 1', '-1 0 1', '1e9 0 1', '1.5 0 1', '01 0 1', 7, null, {}]) {
      expect(retryOf({ retry }, '1')).toBeUndefined();
    }
  });

  it('is nothing where there is nothing to say', () => {
    expect(formatMetadata({})).toBe('');
  });
});

describe('without a queue', () => {
  it('a flow is copied, and every job of it has `opts`', () => {
    const flow = Object.freeze({
      name: 'a',
      queueName: 'q',
      children: Object.freeze([Object.freeze({ name: 'b', queueName: 'q', opts: Object.freeze({ attempts: 2 }) })]),
    });
    expect(tracedFlow(flow)).toEqual({
      name: 'a',
      queueName: 'q',
      opts: {},
      children: [{ name: 'b', queueName: 'q', opts: { attempts: 2 } }],
    });
  });

  it.each([
    [{ handlerTimeout: 0 }, /handlerTimeout/],
    [{ suppressInner: 'yes' }, /suppressInner/],
    [{ internalSpans: 1 }, /internalSpans/],
    [{ onRefused: true }, /onRefused/],
    ['x', /options/i],
  ])('a wrong option throws where it is given: %j', (options, message) => {
    expect(() => traceBullMQ(options as never)).toThrow(ThroughlineError);
    expect(() => traceBullMQ(options as never)).toThrow(message);
    expect(() => tracedProcessor(() => {}, options as never)).toThrow(message);
  });

  it('a processor keeps its type, its `this`, and how many arguments it takes', () => {
    const three = async function (this: unknown, _job: object, _token?: string, _signal?: AbortSignal) {
      return this;
    };
    expect(tracedProcessor(three)).toHaveLength(3);
    expect(tracedProcessor(async (_job: object) => {})).toHaveLength(1);
    const traced = tracedProcessor(three);
    expect(tracedProcessor(traced)).toBe(traced);
    expect(() => tracedProcessor(undefined as never)).toThrow(ThroughlineError);
  });
});

onRedis('on the wire', () => {
  it.each([
    'no json',
    '[]',
    '7',
    'null',
    '"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"',
    '{"traceparent":7}',
    '{"traceparent":"00-zz"}',
    '{',
    'x'.repeat(2_000_000),
  ])('hostile metadata starts a trace, and the job is handled: %.40s', async (metadata) => {
    const name = newName();
    const queue = closing(new Queue(name, { connection: connection() }));
    closing(new Worker(name, async () => {}, { connection: connection(), telemetry: traceBullMQ() }));
    await queue.add('job', {}, { telemetry: { metadata } });
    expect((await ended(`process ${name}`))[0]?.parentSpanContext).toBeUndefined();
    expect(Object.keys(await telemetry.hops())).toContain('bullmq inbound invalid');
  });

  it('jobs of bullmq-otel are continued, and it continues ours', async () => {
    const name = newName();
    const theirs = closing(
      new Queue(name, { connection: connection(), telemetry: new BullMQOtel({ tracerName: 'theirs' }) }),
    );
    const worker = closing(
      new Worker(
        name,
        tracedProcessor(async () => {}),
        { connection: connection(), telemetry: traceBullMQ() },
      ),
    );
    await inSpan('caller', () => theirs.add('job', {}));
    const [process] = await ended(`process ${name}`);
    expect(traceOf(process)).toBe(traceOf(named('caller')[0]));
    await worker.close();
    await telemetry.reset();
    const ours = closing(new Queue(name, { connection: connection(), telemetry: traceBullMQ() }));
    closing(
      new Worker(name, async () => {}, {
        connection: connection(),
        telemetry: new BullMQOtel({ tracerName: 'theirs' }),
      }),
    );
    await inSpan('caller', () => ours.add('job', {}));
    const [continued] = await ended(`process ${name}`);
    expect(continued?.parentSpanContext?.spanId).toBe(idOf(named(`send ${name}`)[0]));
  });

  it('a queue without Telemetry sends what `injectMetadata` gives, and keeps the other options', async () => {
    const name = newName();
    const queue = closing(new Queue(name, { connection: connection() }));
    let options: object | undefined;
    await inSpan('caller', async () => {
      options = injectMetadata(Object.freeze({ attempts: 2 }));
    });
    const job = await queue.add('job', {}, options);
    expect(job.opts.attempts).toBe(2);
    const read = await queue.getJob(job.id as string);
    expect(trace.getSpanContext(extractContext(read))?.spanId).toBe(idOf(named('caller')[0]));
    expect(extractContext(null)).toBeDefined();
    expect(injectMetadata({ attempts: 2 })).toEqual({ attempts: 2 });
  });

  it('where nothing may go, what the options of a received job hold does not either', async () => {
    const name = newName();
    const queue = closing(new Queue(name, { connection: connection(), telemetry: traceBullMQ() }));
    const { id } = await inSpan('caller', () => queue.add('job', {}));
    const received = await queue.getJob(id as string);
    expect(received?.opts.telemetry?.metadata).toContain('traceparent');
    const suppress = { outbound: 'suppress' } as const;
    const strangers = closing(
      new Queue(newName(), { connection: connection(), telemetry: traceBullMQ({ outbound: 'suppress' }) }),
    );
    await inSpan('relay', async () => {
      expect(injectMetadata(received?.opts, suppress)).toEqual({ ...received?.opts, telemetry: {} });
      const sent = await strangers.add('job', {}, received?.opts);
      expect((await strangers.getJob(sent.id as string))?.opts.telemetry).toEqual({ metadata: '{}' });
    });
    expect(injectMetadata({ attempts: 2 }, suppress)).toEqual({ attempts: 2 });
  });

  it('baggage that may not go stays, in the job and for the listeners', async () => {
    const name = newName();
    const queue = closing(
      new Queue(name, { connection: connection(), telemetry: traceBullMQ({ baggage: { send: ['tenant'] } }) }),
    );
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' }, secret: { value: 'x' } });
    const job = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => queue.add('job', {}));
    expect(job.opts.telemetry?.metadata).toContain('tenant=blue');
    expect(job.opts.telemetry?.metadata).not.toContain('secret');
  });

  it("BullMQ's own metrics are on the meter provider, and those of the conventions", async () => {
    const name = newName();
    const reader = new ManualReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const options = { connection: connection(), telemetry: traceBullMQ({ meterProvider }) };
    const queue = closing(new Queue(name, options));
    closing(
      new Worker(
        name,
        tracedProcessor(async () => {}),
        options,
      ),
    );
    await queue.addBulk([1, 2].map((n) => ({ name: 'job', data: { n } })));
    await ended(`process ${name}`, 2);
    const { resourceMetrics } = await reader.collect();
    const points = new Map(
      resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
        metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints] as const),
      ),
    );
    for (const metric of [
      'messaging.client.sent.messages',
      'messaging.client.consumed.messages',
      'bullmq.jobs.completed',
    ]) {
      expect(points.get(metric)?.map(({ value }) => value)).toEqual([2]);
    }
    expect(points.get('messaging.process.duration')?.[0]?.attributes).toEqual({
      'messaging.system': 'bullmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': name,
    });
    await meterProvider.shutdown();
  });
});

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

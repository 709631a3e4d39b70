import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import type * as BullMQ from 'bullmq';
import { it } from 'vitest';
import { traceBullMQ, tracedProcessor } from '../src/index.ts';
import type { BullMQTelemetry } from '../src/index.ts';
import { connection, majors, newName, onRedis, telemetry } from './on-redis.ts';

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

const fieldsOf = (metadata: string | undefined): Field[] =>
  Object.entries(JSON.parse(metadata ?? '{}') as Record<string, unknown>);

const metadataOf = (fields: readonly Field[]): string => {
  const members = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`);
  return `{${members.join(',')}}`;
};

const harnessOf = (major: string, { Job, Queue, Worker }: typeof BullMQ): AdapterHarness => ({
  name: major,
  transport: 'bullmq',
  carrier: 'meta',
  telemetry: sdk,
  outbound: {
    cannot: {
      fields: 'BullMQ replaces the metadata that its caller puts there',
      relay: 'BullMQ replaces the metadata that its caller puts there',
      twice: 'a queue takes one Telemetry',
      results: 'BullMQ makes the job that it resolves with',
    },
    async open({ options }) {
      let instead: (() => unknown) | undefined;
      const queue = new Queue(newName(), { connection: connection(), telemetry: traceBullMQ(options) });
      queue.on('error', () => {});
      await queue.waitUntilReady();
      // Where BullMQ would write to Redis.
      class Added extends Job {
        static override async create(...args: Parameters<typeof Job.create>): Promise<never> {
          if (instead !== undefined) return instead() as never;
          return (await Job.create(...args)) as never;
        }
      }
      Object.defineProperty(queue, 'Job', { value: Added });
      return {
        async send(call) {
          ({ instead } = call);
          const outcome = await outcomeOf(() => queue.add('job', deepFreeze({ x: 1 }), deepFreeze({ attempts: 2 })));
          // What is in Redis.
          const added = outcome.failed ? undefined : (outcome.value as BullMQ.Job | undefined);
          const job = added?.id === undefined ? undefined : await queue.getJob(added.id);
          return { outcome, wire: job && fieldsOf(job.opts.telemetry?.metadata) };
        },
        close: () => queue.close(),
      };
    },
  },
  inbound: {
    cannot: { twice: 'a worker takes one Telemetry', repeats: 'an object of JSON has a name once' },
    async open({ options }) {
      const name = newName();
      const queue = new Queue(name, { connection: connection() });
      const arrivals = new Map<string, Arrival>();
      const outcomes = new Map<string, Promise<Outcome>>();
      const settled = new Map<string, () => void>();
      const traced = tracedProcessor((job: BullMQ.Job) => arrivals.get(job.id as string)?.handle());
      const worker = new Worker(
        name,
        (job: BullMQ.Job) => {
          let result: unknown;
          const outcome = outcomeOf(() => (result = traced(job)));
          outcomes.set(job.id as string, outcome);
          return outcome.then(() => result);
        },
        {
          connection: connection(),
          telemetry: whenOver(traceBullMQ(options), (id) => settled.get(id)?.()),
          concurrency: 100,
        },
      );
      queue.on('error', () => {});
      worker.on('error', () => {});
      await worker.waitUntilReady();
      let jobs = 0;
      return {
        async deliver(arrival) {
          const id = `job-${jobs++}`;
          arrivals.set(id, arrival);
          const over = new Promise<void>((resolve) => settled.set(id, resolve));
          const metadata = arrival.fields.length === 0 ? undefined : metadataOf(arrival.fields);
          await queue.add('job', {}, { jobId: id, ...(metadata !== undefined && { telemetry: { metadata } }) });
          await over;
          return outcomes.get(id) as Promise<Outcome>;
        },
        async close() {
          await worker.close(true);
          await queue.close();
        },
      };
    },
  },
});

/** Returns a Telemetry that says when BullMQ has settled a job: when it has ended its span. */
function whenOver(telemetry: BullMQTelemetry, over: (id: string) => void): BullMQTelemetry {
  const startSpan: BullMQTelemetry['tracer']['startSpan'] = (name, ...rest) => {
    const span = telemetry.tracer.startSpan(name, ...rest);
    if (!name.startsWith('process ')) return span;
    let id: unknown;
    return {
      setSpanOnContext: (given) => span.setSpanOnContext(given),
      setAttribute: (key, value) => span.setAttribute(key, value),
      setAttributes(attributes) {
        id ??= attributes['bullmq.job.id'];
        span.setAttributes(attributes);
      },
      addEvent: (event, attributes) => span.addEvent(event, attributes),
      recordException: (error) => span.recordException(error),
      end() {
        span.end();
        setImmediate(() => over(String(id)));
      },
    };
  };
  return { ...telemetry, tracer: { startSpan } };
}

let jobs = 0;
const processors: AdapterHarness = {
  name: 'a processor in a sandbox',
  transport: 'bullmq',
  carrier: 'meta',
  telemetry: sdk,
  functions: {
    wrap: (fn, options) => tracedProcessor(fn, options),
    args: () => [{ id: String(jobs++), name: 'job', queueName: 'sandboxed', opts: {} }],
  },
  inbound: {
    cannot: { repeats: 'an object of JSON has a name once' },
    open({ options, twice }) {
      let arrival: Arrival | undefined;
      const once = tracedProcessor((_job: object) => arrival?.handle(), options);
      const traced = twice ? tracedProcessor(once, options) : once;
      return {
        async deliver(next) {
          arrival = next;
          const telemetry = next.fields.length === 0 ? undefined : { metadata: metadataOf(next.fields) };
          const job = deepFreeze({ id: String(jobs++), name: 'job', queueName: 'sandboxed', opts: { telemetry } });
          return outcomeOf(() => traced(job));
        },
      };
    },
  },
};

onRedis('the contract', () => {
  const harnesses = [...majors.map(({ major, bullmq }) => harnessOf(major, bullmq)), processors];
  for (const { name, run } of harnesses.flatMap((one) => adapterContract(one))) {
    it(name, run);
  }
});

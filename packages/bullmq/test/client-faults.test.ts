import { SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@throughline/test-telemetry';
import type { Job } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { traceBullMQ, tracedProcessor } from '../src/index.ts';
import {
  closing,
  connection,
  ended,
  idOf,
  linksOf,
  majors,
  named,
  newName,
  onRedis,
  open,
  openSpans,
  redis,
} from './on-redis.ts';

const errorOf = (span: ReadableSpan | undefined): unknown => span?.attributes['error.type'];

/** A promise that is resolved from outside. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let release = (): void => {};
  const opened = new Promise<void>((resolve) => (release = resolve));
  return { opened, open: () => release() };
}

/** Opens what a worker waits for before it is closed, should the test end early. */
const opening = (...gates: readonly { open(): void }[]): void => {
  open.push({ close: async () => gates.forEach((one) => one.open()) });
};

onRedis('what goes wrong', () => {
  describe.each(majors)('$major', ({ bullmq: { Queue, Worker } }) => {
    it.each([
      { traced: true, over: false },
      { traced: true, over: true },
      { traced: false, over: false },
      { traced: false, over: true },
    ])(
      'a job that stalled is handled again under the same parent, and whoever lost it says so (traced: $traced, the other is over: $over)',
      async ({ traced, over }) => {
        const name = newName();
        const telemetry = traceBullMQ();
        const queue = closing(new Queue(name, { connection: connection(), telemetry }));
        const [began, taken, lost] = [gate(), gate(), gate()];
        const worker = (process: (job: Job) => Promise<void>, options: object): void => {
          const processor = traced ? tracedProcessor(process) : process;
          closing(new Worker(name, processor, { connection: connection(), telemetry, ...options }));
        };
        const slow = async (): Promise<void> => {
          began.open();
          await taken.opened;
        };
        worker(slow, { name: 'slow', lockDuration: 100, skipLockRenewal: true, skipStalledCheck: true });
        await queue.add('paint', {});
        await began.opened;
        let countsStalls = false;
        const other = async (job: Job): Promise<void> => {
          // As 5.34 does not, so that the job looks as if it had put itself back.
          countsStalls = job.stalledCounter !== undefined;
          if (over) return;
          taken.open();
          await lost.opened;
        };
        worker(other, { name: 'other', stalledInterval: 100, lockDuration: 60_000 });
        opening(taken, lost);
        if (over) {
          await ended(`process ${name}`);
          taken.open();
        }
        const by = (worker: string): ReadableSpan | undefined =>
          named(`process ${name}`).find((span) => span.attributes['bullmq.worker.name'] === worker);
        await expect.poll(() => by('slow')).toBeDefined();
        expect(errorOf(by('slow'))).toBe('lock_lost');
        lost.open();
        await expect.poll(() => by('other')).toBeDefined();
        expect(by('other')?.status.code).toBe(SpanStatusCode.UNSET);
        const [send] = named(`send ${name}`);
        expect(by('slow')?.parentSpanContext?.spanId).toBe(idOf(send));
        expect(by('other')?.parentSpanContext?.spanId).toBe(countsStalls || !traced ? idOf(send) : undefined);
        expect(linksOf(by('other'))).toEqual([idOf(send)]);
      },
    );

    it.each([{ traced: true }, { traced: false }])(
      'jobs and adds that Redis dies under go on when it is back, and none leaves a span open (traced: $traced)',
      async ({ traced }) => {
        const name = newName();
        const options = { connection: connection(), telemetry: traceBullMQ() };
        const queue = closing(new Queue(name, options));
        const hasty = closing(
          new Queue(name, { ...options, connection: { ...options.connection, maxRetriesPerRequest: 1 } }),
        );
        const [began, down] = [gate(), gate()];
        let running = 0;
        const process = async (job: Job): Promise<void> => {
          if (job.name === 'late') return;
          if (++running === 3) began.open();
          await down.opened;
          if (job.name === 'failing') throw new TypeError('no paint');
        };
        const processor = traced ? tracedProcessor(process) : process;
        closing(new Worker(name, processor, { ...options, concurrency: 3, runRetryDelay: 50 }));
        opening(down);
        await hasty.waitUntilReady();
        for (const job of ['one', 'two', 'failing']) await queue.add(job, {}, { jobId: job });
        await began.opened;
        await redis.kill();
        down.open();
        await expect(hasty.add('lost', {})).rejects.toThrow();
        const late = queue.add('late', {}, { jobId: 'late' });
        await redis.restart();
        await late;
        const processes = await ended(`process ${name}`, 4);
        await expect.poll(() => openSpans.named(name)).toEqual([]);
        const of = (job: string): ReadableSpan | undefined =>
          processes.find((span) => span.attributes['messaging.message.id'] === job);
        for (const job of ['one', 'two', 'late']) expect(of(job)?.status.code).toBe(SpanStatusCode.UNSET);
        expect(errorOf(of('failing'))).toBe(traced ? 'TypeError' : '_OTHER');
        const sends = named(`send ${name}`);
        expect(sends).toHaveLength(5);
        expect(sends.filter((span) => span.status.code === SpanStatusCode.ERROR)).toHaveLength(1);
      },
    );

    it('a worker that is closed by force while Redis is down leaves no span open', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      const began = gate();
      const stuck = (): Promise<void> => {
        began.open();
        return new Promise(() => {});
      };
      const worker = new Worker(name, stuck, options);
      worker.on('error', () => {});
      await queue.add('stuck', {});
      await began.opened;
      await redis.kill();
      const closed = worker.close(true);
      await redis.restart();
      await closed;
      const [process] = await ended(`process ${name}`);
      expect(errorOf(process)).toBe('abandoned');
    });
  });
});

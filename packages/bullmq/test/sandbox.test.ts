import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { traceBullMQ } from '../src/index.ts';
import { closing, connection, idOf, inSpan, majors, named, newName, onRedis, traceOf } from './on-redis.ts';

const file = new URL('sandboxed-processor.ts', import.meta.url);

interface Result {
  pid: number;
  span: { traceId: string; spanId: string };
  tenant: string;
  attempt: number;
  before: { name: string; parent: string }[];
}

onRedis('a processor in a sandbox', () => {
  describe.each(majors)('$major', ({ bullmq: { Queue, Worker, QueueEvents } }) => {
    it.each([{ useWorkerThreads: false }, { useWorkerThreads: true }])(
      'handles jobs in their traces, with baggage and attempts: %j',
      async ({ useWorkerThreads }) => {
        const name = newName();
        const queue = closing(new Queue(name, { connection: connection(), telemetry: traceBullMQ() }));
        const events = closing(new QueueEvents(name, { connection: connection() }));
        closing(new Worker(name, file, { connection: connection(), useWorkerThreads }));
        const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
        const job = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
          inSpan('caller', () => queue.add('job', { fails: 1 }, { attempts: 2 })),
        );
        const result = (await job.waitUntilFinished(events)) as unknown as Result;
        if (!useWorkerThreads) expect(result.pid).not.toBe(process.pid);
        expect(result.span.traceId).toBe(traceOf(named('caller')[0]));
        expect(result).toMatchObject({ tenant: 'blue', attempt: 2 });
        // The first attempt, which failed.
        expect(result.before).toEqual([{ name: `process ${name}`, parent: idOf(named(`send ${name}`)[0]) }]);
      },
    );

    it('refuses a job whose chain is too deep, once', async () => {
      const name = newName();
      const queue = closing(new Queue(name, { connection: connection() }));
      const events = closing(new QueueEvents(name, { connection: connection() }));
      closing(new Worker(name, file, { connection: connection() }));
      const metadata = JSON.stringify({ baggage: 'throughline.lineage=1.4.32.1.-.-.-' });
      const job = await queue.add('job', {}, { attempts: 5, telemetry: { metadata } });
      await expect(job.waitUntilFinished(events)).rejects.toThrow(/^Refused: /);
      expect((await queue.getJob(job.id as string))?.attemptsMade).toBe(1);
    });
  });
});

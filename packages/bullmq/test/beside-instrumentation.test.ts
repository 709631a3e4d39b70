import { createRequire } from 'node:module';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import type * as BullMQ from 'bullmq';
import { describe, expect, it } from 'vitest';
import { traceBullMQ, tracedProcessor } from '../src/index.ts';
import { closing, connection, ended, idOf, inSpan, named, newName, onRedis, telemetry } from './on-redis.ts';

// Before BullMQ, and so ioredis, is required.
const instrumentation = new IORedisInstrumentation();
const { Queue, Worker } = createRequire(import.meta.url)('bullmq') as typeof BullMQ;

onRedis('beside instrumentation-ioredis', () => {
  describe.each([{ suppressInner: undefined }, { suppressInner: false }])('$suppressInner', ({ suppressInner }) => {
    it("BullMQ's own commands have no spans, unless they are asked for; those of a processor have", async () => {
      instrumentation.enable();
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ({ suppressInner }) };
      const queue = closing(new Queue(name, options));
      closing(
        new Worker(
          name,
          tracedProcessor(async (job: BullMQ.Job) => {
            await job.updateData({ seen: true });
          }),
          options,
        ),
      );
      await queue.waitUntilReady();
      await inSpan('caller', () => queue.add('job', {}));
      const [process] = await ended(`process ${name}`);
      const [send] = named(`send ${name}`);
      const below = (id: string | undefined) =>
        telemetry.spans().filter((span) => span.parentSpanContext?.spanId === id && span.name !== `process ${name}`);
      expect(below(idOf(send)).length > 0).toBe(suppressInner === false);
      // `updateData`, and what moves the job.
      expect(below(idOf(process)).length).toBe(suppressInner === false ? 2 : 1);
    });
  });
});

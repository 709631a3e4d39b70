import { setImmediate } from 'node:timers/promises';
import type { Span } from '@opentelemetry/api';
import { traceBullMQ, tracedProcessor } from '@throughline/bullmq';
import { Queue, Worker } from 'bullmq';
import type { Job, Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import { startFeeder } from './feeder.ts';
import { handledAsync, sent } from './hand-written.ts';
import type { HandWritten } from './hand-written.ts';
import { asked, byFeeding, byPromise, serve } from './operations.ts';
import type { Operations } from './operations.ts';
import { redisAt } from './redis-at.ts';
import type { QueueVariant } from './variant.ts';

const ADDED_AT_ONCE = 20;
const PROCESSED_AT_ONCE = 100;

const started = asked();
const { task, url, telemetry } = started;
const connection = redisAt(url);
const feeder = startFeeder('bullmq', url);
const open: { close(): Promise<void> }[] = [];
const data = { text: 'x'.repeat(1024) };

await serve(started, task === 'add' ? adding : processing, async () => {
  feeder.stop();
  await Promise.all(open.map((one) => one.close()));
});

function telemetryOf(variant: QueueVariant): { telemetry?: Telemetry } {
  switch (variant) {
    case 'ours':
      return { telemetry: traceBullMQ() as Telemetry };
    case 'peer':
      return { telemetry: new BullMQOtel({ tracerName: 'bench' }) as Telemetry };
    default:
      return {};
  }
}

function newBy(queue: string): HandWritten {
  return { tracer: telemetry.tracer, system: 'bullmq', destination: queue };
}

async function adding(variant: QueueVariant): Promise<Operations> {
  const name = `added-${variant}-${process.pid}`;
  const by = newBy(name);
  const queue = new Queue(name, { connection, ...telemetryOf(variant) });
  open.push(queue);
  await queue.waitUntilReady();
  if (variant !== 'hand-written') return byPromise(ADDED_AT_ONCE, () => queue.add('task', data));
  const add = async (fields: Record<string, string>, span: Span): Promise<void> => {
    const job = await queue.add('task', { ...data, ...fields });
    if (job.id !== undefined) span.setAttribute('messaging.message.id', job.id);
  };
  return byPromise(ADDED_AT_ONCE, () => sent(by, add, { 'bullmq.job.name': 'task' }));
}

async function processing(variant: QueueVariant): Promise<Operations> {
  const name = `processed-${variant}-${process.pid}`;
  const { operations, received } = byFeeding(feeder, { destination: name, count: PROCESSED_AT_ONCE });
  const worker = new Worker(name, processorOf(variant, newBy(name)), {
    connection,
    concurrency: 20,
    removeOnComplete: { count: 0 },
    ...telemetryOf(variant),
  });
  worker.on('completed', received);
  open.push(worker);
  await worker.waitUntilReady();
  return async (count) => {
    await operations(count);
    // Spans of the last jobs end after the event.
    await setImmediate();
  };
}

function processorOf(variant: QueueVariant, by: HandWritten): (job: Job) => Promise<void> {
  const processor = (): Promise<void> => Promise.resolve();
  switch (variant) {
    case 'ours':
      return tracedProcessor(processor);
    case 'hand-written':
      return (job) => {
        const more = {
          'messaging.message.id': job.id,
          'bullmq.job.name': job.name,
          'bullmq.job.attempts.made': job.attemptsMade,
          'throughline.queue.duration': (Date.now() - job.timestamp) / 1000,
        };
        return handledAsync(by, { carrier: job.data as object, more }, processor);
      };
    default:
      return processor;
  }
}

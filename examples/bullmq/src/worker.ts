/** The service that handles the jobs of one queue, until it is told to stop. */
import { trace } from '@opentelemetry/api';
import { traceBullMQ, tracedProcessor } from '@throughline/bullmq';
import { Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { startTelemetry } from './telemetry.ts';

const [url = '', service = '', queue = ''] = process.argv.slice(2);
const sdk = startTelemetry(service);

const processor = tracedProcessor(async (job: Job) => {
  // A site that is down for a moment.
  if (job.name === 'reviews' && job.attemptsMade === 0) throw new Error('try again');
  return trace.getTracer(service).startActiveSpan(`work on ${job.name}`, async (span) => {
    const found = Object.values(await job.getChildrenValues()).toSorted((a, b) => String(a).localeCompare(String(b)));
    span.end();
    return found.length === 0 ? job.name : `A report on ${found.join(' and ')}.`;
  });
});

const worker = new Worker(queue, processor, {
  connection: { url, maxRetriesPerRequest: null },
  telemetry: traceBullMQ({ agent: service }),
});
process.once('message', async () => {
  await worker.close();
  await sdk.shutdown();
  process.disconnect();
});

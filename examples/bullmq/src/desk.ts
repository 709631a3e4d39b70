/** The service that asks for a report, and for a tidy-up every now and then. */
import { trace } from '@opentelemetry/api';
import { traceBullMQ, tracedFlow } from '@throughline/bullmq';
import { FlowProducer, Queue, QueueEvents } from 'bullmq';
import { startTelemetry } from './telemetry.ts';

const [url = '', tidied = ''] = process.argv.slice(2);
const sdk = startTelemetry('desk');
const options = { connection: { url, maxRetriesPerRequest: null }, telemetry: traceBullMQ({ agent: 'desk' }) };
const flows = new FlowProducer(options);
const tasks = new Queue('tasks', options);
const reports = new QueueEvents('reports', { connection: options.connection });
const tracer = trace.getTracer('desk');

const report = await tracer.startActiveSpan('ask for a report', async (span) => {
  const children = ['prices', 'reviews'].map((name) => ({ name, queueName: 'tasks', opts: { attempts: 2 } }));
  const flow = await flows.add(tracedFlow({ name: 'report', queueName: 'reports', children }));
  span.end();
  return flow.job;
});
process.stdout.write(`${String(await report.waitUntilFinished(reports))}\n`);

await tracer.startActiveSpan('keep it tidy', async (span) => {
  await tasks.upsertJobScheduler('tidy', { every: 200, limit: Number(tidied) }, { name: 'tidy' });
  span.end();
});
while (
  (await tasks.getJobSchedulersCount()) > 0 &&
  (await tasks.getJobCountByTypes('delayed', 'active', 'waiting')) > 0
)
  await new Promise((resolve) => setTimeout(resolve, 50));

for (const one of [flows, tasks, reports]) await one.close();
await sdk.shutdown();

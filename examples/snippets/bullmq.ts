import { startRedis } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import { Queue, Worker } from 'bullmq';

const spans = startTelemetry();
const redis = await startRedis();
const connection = { url: redis.url, maxRetriesPerRequest: null };
let handle: (traceId: unknown) => void;
const handled = new Promise<unknown>((resolve) => (handle = resolve));
const analyse = async (): Promise<void> => handle(trace.getActiveSpan()?.spanContext().traceId);

// #region readme
import { traceBullMQ, tracedProcessor } from '@throughline/bullmq';

const telemetry = traceBullMQ({ agent: 'analyst' });
const queue = new Queue('tasks', { connection, telemetry });
const worker = new Worker('tasks', tracedProcessor(analyse), { connection, telemetry });
// #endregion

import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';

await queue.add('compare', { plans: 2 });
assert.equal(await handled, spans.find('send tasks').spanContext().traceId);
await worker.close();
await queue.close();
await redis.stop();
await spans.shutdown();
console.log('the job is handled in the trace that added it');

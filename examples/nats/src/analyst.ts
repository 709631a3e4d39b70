/** Answers each question at once, and publishes the report about it to a stream, for whoever reads it later. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { trace } from '@opentelemetry/api';
import { traceJetStream, traceNats } from '@throughline/nats';
import { startTelemetry } from './telemetry.ts';

const [servers = ''] = process.argv.slice(2);
const telemetry = startTelemetry('analyst');
const connection = traceNats(await connect({ servers }), { agent: 'analyst' });
const js = traceJetStream(jetstream(connection), { agent: 'analyst' });
// Before the stream, which the planner waits for.
const questions = connection.subscribe('questions', { queue: 'analysts' });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: 'REPORTS', subjects: ['reports'] });

let left = 2;
for await (const question of questions) {
  // The body runs in the trace of the question: so does the span, and so does the report.
  await trace.getTracer('analyst').startActiveSpan('analyse', async (span) => {
    await js.publish('reports', `on ${question.string()}`);
    span.end();
  });
  question.respond('it can be done');
  if (--left === 0) break;
}
await connection.drain();
await telemetry.shutdown();

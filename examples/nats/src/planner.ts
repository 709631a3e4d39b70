/** Asks two questions, and then reads the reports about them. */
import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, errors } from '@nats-io/transport-node';
import { trace } from '@opentelemetry/api';
import { startTelemetry } from './telemetry.ts';

const [servers = ''] = process.argv.slice(2);
const telemetry = startTelemetry('planner');
const tracer = trace.getTracer('planner');

// #region readme
import { traceJetStream, traceNats } from '@throughline/nats';

const connection = traceNats(await connect({ servers }), { agent: 'planner' });
const js = traceJetStream(jetstream(connection), { agent: 'planner' });
// #endregion

const manager = await jetstreamManager(connection);
await untilThere(() => manager.consumers.add('REPORTS', { durable_name: 'planner', ack_policy: AckPolicy.Explicit }));

for (const question of ['the move', 'the merger']) {
  await tracer.startActiveSpan('plan', async (span) => {
    await connection.request('questions', question, { timeout: 20_000 });
    span.end();
  });
}

let left = 2;
const reports = await js.consumers.get('REPORTS', 'planner');
for await (const report of await reports.consume()) {
  tracer.startActiveSpan('file', { attributes: { report: report.string() } }, (span) => span.end());
  report.ack();
  if (--left === 0) break;
}
await connection.drain();
await telemetry.shutdown();

/** The analyst may start later than this one. */
async function untilThere(ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await ask();
      await connection.flush();
      return;
    } catch (error) {
      if (error instanceof errors.ClosedConnectionError) throw error;
      await delay(50);
    }
  }
}

/** The process that asks: it is killed while the answer is waited for. */
import { trace } from '@opentelemetry/api';
import { saveTrace } from '@throughline/core';
import { openApprovals } from './approvals.ts';
import { startTelemetry } from './telemetry.ts';

const [database = ''] = process.argv.slice(2);
const telemetry = startTelemetry('agent');
const approvals = openApprovals(database);

trace.getTracer('agent').startActiveSpan('prepare payment', (span) => {
  approvals.ask('pay 5000 to the printer', saveTrace());
  span.end();
});
// A span that is open when a process is killed is lost: end it, flush, then wait.
await telemetry.forceFlush();
process.send?.('waiting');
setInterval(() => {}, 60_000);

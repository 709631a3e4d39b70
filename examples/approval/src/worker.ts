/** Another process, later: it does what was approved, in the trace of whoever asked. */
import { trace } from '@opentelemetry/api';
import { resumeTrace } from '@throughline/core';
import { openApprovals } from './approvals.ts';
import { startTelemetry } from './telemetry.ts';

const [database = ''] = process.argv.slice(2);
const telemetry = startTelemetry('worker');
const approvals = openApprovals(database);

for (let approval = approvals.take(); approval !== undefined; approval = approvals.take()) {
  const { what } = approval;
  resumeTrace(approval.handle, 'approved', () => {
    trace.getTracer('worker').startActiveSpan('pay', { attributes: { 'payment.what': what } }, (span) => span.end());
  });
}
await telemetry.shutdown();

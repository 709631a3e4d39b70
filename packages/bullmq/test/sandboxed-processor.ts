/** What BullMQ runs in a child process or a worker thread. Returns the spans that were open in it, and its baggage. */
import { context, propagation, trace } from '@opentelemetry/api';
import { currentLineage } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import { tracedProcessor } from '../src/index.ts';

const telemetry = startTelemetry();

// oxlint-disable-next-line import/no-default-export -- where BullMQ looks for it
export default tracedProcessor(
  async (job: { data: { fails?: number }; attemptsMade: number }) => {
    if (job.attemptsMade < (job.data.fails ?? 0)) throw new Error('not yet');
    return {
      pid: process.pid,
      span: trace.getActiveSpan()?.spanContext(),
      tenant: propagation.getBaggage(context.active())?.getEntry('tenant')?.value,
      attempt: currentLineage()?.attempt,
      before: telemetry.spans().map((span) => ({ name: span.name, parent: span.parentSpanContext?.spanId })),
    };
  },
  { lineage: { mode: 'enforce', maxHops: 3 } },
);

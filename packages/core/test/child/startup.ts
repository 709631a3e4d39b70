// A child process of environment.test.ts. Its only span starts in the context that the process was started in.
import { context, propagation, trace } from '@opentelemetry/api';
import { contextFromEnv } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
const started = contextFromEnv();
context.with(started, () => trace.getTracer('child').startActiveSpan('startup', (span) => span.end()));
const startup = telemetry.find('startup');
process.stdout.write(
  JSON.stringify({
    traceId: startup.spanContext().traceId,
    parentSpanId: startup.parentSpanContext?.spanId,
    tenant: propagation.getBaggage(started)?.getEntry('tenant')?.value,
  }),
);
await telemetry.shutdown();

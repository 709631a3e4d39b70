/** The process that makes a schedule, and is gone. */
import { trace } from '@opentelemetry/api';
import { saveTrace } from '@throughline/core';
import { openSchedules } from './schedules.ts';
import { startTelemetry } from './telemetry.ts';

const [database = ''] = process.argv.slice(2);
const telemetry = startTelemetry('agent');

trace.getTracer('agent').startActiveSpan('watch prices', (span) => {
  openSchedules(database).add({ name: 'price digest', handle: saveTrace() });
  span.end();
});
await telemetry.shutdown();

/** The process that runs what is scheduled: each run is a trace of its own, with a link to the schedule that caused it. */
import { setTimeout as delay } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { resumeTrace } from '@throughline/core';
import { openSchedules } from './schedules.ts';
import { startTelemetry } from './telemetry.ts';

const RUNS = 3;
const EVERY_MS = 20;

const [database = ''] = process.argv.slice(2);
const telemetry = startTelemetry('scheduler');
const schedules = openSchedules(database);

for (let run = 0; run < RUNS; run++) {
  await delay(EVERY_MS);
  for (const { name, handle } of schedules.all()) {
    await resumeTrace(handle, name, collectPrices, { relation: 'link', lineage: { mode: 'enforce' } });
  }
}
await telemetry.shutdown();

async function collectPrices(): Promise<void> {
  await trace.getTracer('scheduler').startActiveSpan('collect prices', async (span) => {
    await delay(1);
    span.end();
  });
}

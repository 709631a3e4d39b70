import { readFileSync } from 'node:fs';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { extractFields, joinTraces, resumeTrace, saveTrace } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const row = { id: 7, handle: '' };
const pay = async (id: number): Promise<number> => id;
const report = (): void => {};
const answers = [1, 2].map((at) => ({
  traceparent: `00-0af7651916cd43dd8448eb211c80319c-000000000000000${at}-01`,
}));
const merge = (given: typeof answers): number => given.length;

it('the README shows this code, and it keeps the trace', async () => {
  trace.getTracer('readme').startActiveSpan('prepare payment', (span) => {
    // #region save
    row.handle = saveTrace();
    // #endregion
    span.end();
  });
  // #region resume
  await resumeTrace(row.handle, 'approved', () => pay(row.id));
  // #endregion
  // #region schedule
  const everyNight = () => resumeTrace(row.handle, 'nightly report', report, { relation: 'link' });
  // #endregion
  everyNight();
  // #region join
  const branches = answers.map((answer) => extractFields(answer));
  const merged = joinTraces('merge answers', branches, () => merge(answers));
  // #endregion
  expect(merged).toBe(2);
  const suspend = telemetry.find('suspend').spanContext();
  expect(telemetry.find('approved').parentSpanContext?.spanId).toBe(suspend.spanId);
  expect(telemetry.find('nightly report').links[0]?.context.spanId).toBe(suspend.spanId);
  expect(telemetry.find('merge answers').links).toHaveLength(2);

  const source = readFileSync(import.meta.filename, 'utf8');
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const [, indent, region] of source.matchAll(/^( *)\/\/ #region \S+\n([^]*?)^ *\/\/ #endregion$/gm)) {
    expect(page).toContain((region ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
  }
});

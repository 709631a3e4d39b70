import { readFileSync } from 'node:fs';
import { context, SpanKind, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { receive, send } from '@throughline/core/adapter';
import { hopSettings, messageHeaders, writeRecord } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const sent: Record<string, unknown>[] = [];
const queue = { push: async (headers: Record<string, unknown>) => void sent.push(headers) };
const work = async (): Promise<string> => trace.getSpanContext(context.active())?.traceId ?? '';

// #region readme
const settings = hopSettings({ agent: 'planner' }, { name: 'my-queue', version: '1.0.0' });
const target = { transport: 'my-queue', channel: 'broker', name: 'tasks' } as const;

const publish = (headers: Record<string, string>): Promise<void> =>
  send(
    { transport: 'my-queue', name: 'send tasks', kind: SpanKind.PRODUCER, target },
    (_fields, _context, sending) => queue.push(writeRecord(headers, sending)),
    settings,
  );
const handle = (headers: unknown): Promise<string> =>
  receive(
    { transport: 'my-queue', name: 'process tasks', kind: SpanKind.CONSUMER, carrier: headers, reader: messageHeaders },
    work,
    settings,
  );
// #endregion

it('the adapter in the README makes one trace, and is the code that the README shows', async () => {
  await publish({ kind: 'task' });
  const traceId = await handle(sent[0]);
  expect(telemetry.find('send tasks').spanContext().traceId).toBe(traceId);
  expect(telemetry.find('process tasks').parentSpanContext?.spanId).toBe(
    telemetry.find('send tasks').spanContext().spanId,
  );
  expect(sent[0]?.['kind']).toBe('task');

  const here = readFileSync(import.meta.filename, 'utf8');
  const region = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(here)?.[1];
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(region);
});

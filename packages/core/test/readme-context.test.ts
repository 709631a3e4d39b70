import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { context, propagation, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  bindAsyncIterable,
  bindEmitter,
  contextFromEnv,
  extractFields,
  injectFields,
  traceEnv,
} from '@throughline/core';
import { baggageSpanProcessor } from '@throughline/core/sdk';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

// #region processor
const spanProcessors = [baggageSpanProcessor({ keys: ['session.id', 'tenant.*'], maxValues: 1000 })];
// #endregion

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ spanProcessors });
});
afterAll(() => telemetry.shutdown());

const page = new URL('../README.md', import.meta.url);
const tracer = trace.getTracer('readme');
const here = (): string | undefined => trace.getSpanContext(context.active())?.spanId;

async function* answer(_question: string): AsyncGenerator<string> {
  yield here() ?? 'lost';
}
const resume = (seen: unknown[]): unknown => seen.push(here());
const script = `
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.postMessage(workerData);
  parentPort.once('message', (task) => parentPort.postMessage(task));`;
const question = 'why?';
const bus = new EventEmitter();
const seen: unknown[] = [];

it('the README shows this code, and it keeps the context', async () => {
  const baggage = propagation.createBaggage({ 'tenant.id': { value: 'blue' } });
  const [stream, printed, worker] = tracer.startActiveSpan('request', (span) =>
    context.with(propagation.setBaggage(context.active(), baggage), () => {
      // #region in-process
      const stream = Readable.from(bindAsyncIterable(answer(question)));
      bindEmitter(bus).once('approved', () => resume(seen));
      const worker = new Worker(script, { eval: true, workerData: injectFields({ pages: 7 }) });
      const child = spawn('env', { env: traceEnv(process.env) });
      // #endregion
      tracer.startSpan('inside').end();
      span.end();
      return [stream, text(child.stdout), worker] as const;
    }),
  );
  const { spanId } = telemetry.find('request').spanContext();
  bus.emit('approved');
  expect(seen).toEqual([spanId]);
  for await (const said of stream) expect(said).toBe(spanId);
  const [task] = (await once(worker, 'message')) as [unknown];
  expect(trace.getSpanContext(extractFields(task))?.spanId).toBe(spanId);
  await worker.terminate();
  expect(await printed).toMatch(new RegExp(`^TRACEPARENT=00-[0-9a-f]{32}-${spanId}-`, 'm'));
  expect(telemetry.find('inside').attributes).toEqual({ 'tenant.id': 'blue' });

  const main = (): unknown => here();
  // #region child
  const started = context.with(contextFromEnv(), main);
  // #endregion
  expect(started).toBeUndefined();

  const source = readFileSync(import.meta.filename, 'utf8');
  for (const [, indent, region] of source.matchAll(/^( *)\/\/ #region \S+\n([^]*?)^ *\/\/ #endregion$/gm)) {
    const shown = (region ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    expect(readFileSync(page, 'utf8')).toContain(shown);
  }
});

import { createRequire } from 'node:module';
import * as api from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing, W3CTraceContextPropagator } from '@opentelemetry/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const line = process.env['OTEL_LINE'];
// Nothing but this test's own project may decide which line the fixture and our source run on.
const requireOfSdk2 = createRequire(new URL('../../sdk2/package.json', import.meta.url));

describe(`the tests of this project run on the ${line}.x line of OpenTelemetry`, () => {
  let telemetry: Telemetry;
  beforeAll(() => {
    telemetry = startTelemetry();
  });
  afterAll(() => telemetry.shutdown());

  test('the SDK is registered with the API of its line', () => {
    const registered: unknown = Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1'));
    expect(registered).toMatchObject({ version: expect.stringMatching(line === '2' ? /^1\.9\./ : /^1\.10\./) });
  });

  test('our source and the SDK hold the same instance of the API and of core', () => {
    const seenBySdk2 = [
      Reflect.get(requireOfSdk2('@opentelemetry/api'), 'trace'),
      Reflect.get(requireOfSdk2('@opentelemetry/core'), 'W3CTraceContextPropagator'),
    ];
    const seenByUs = [api.trace, W3CTraceContextPropagator];
    expect(seenByUs.map((value, index) => value === seenBySdk2[index])).toEqual([line === '2', line === '2']);
  });

  test('a span that our source starts is recorded, and is active in asynchronous code', async () => {
    const tracer = api.trace.getTracer('otel-line');
    await tracer.startActiveSpan('recorded', async (span) => {
      await Promise.resolve();
      expect(api.trace.getActiveSpan()).toBe(span);
      span.end();
    });
    expect(telemetry.find('recorded').attributes).toEqual({});
  });

  test('what our source suppresses is not recorded', () => {
    const suppressed = suppressTracing(api.context.active());
    expect(isTracingSuppressed(suppressed)).toBe(true);
    expect(api.trace.getTracer('otel-line').startSpan('unwanted', {}, suppressed).isRecording()).toBe(false);
  });
});

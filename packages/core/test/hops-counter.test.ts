import type { MeterProvider } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hopsCounter } from '../src/telemetry/hops-counter.ts';

const scope = { name: '@throughline/test', version: '1.0.0' };
let telemetry: ReturnType<typeof startTelemetry>;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

it('counts the hops of all wraps of one adapter together, and those of another beside them', async () => {
  const first = hopsCounter(undefined, scope);
  const second = hopsCounter(undefined, scope);
  const other = hopsCounter(undefined, { ...scope, name: '@throughline/other' });
  for (let hop = 0; hop < 3; hop++) first('mcp', 'inbound', 'continued');
  second('mcp', 'inbound', 'continued');
  second('mcp', 'outbound', 'started');
  other('mcp', 'inbound', 'continued');
  expect(await telemetry.hops()).toEqual({ 'mcp inbound continued': 5, 'mcp outbound started': 1 });
  first('mcp', 'inbound', 'continued');
  expect(await telemetry.hops()).toMatchObject({ 'mcp inbound continued': 6 });
});

it('counts on the provider that is global by then', async () => {
  const count = hopsCounter(undefined, scope);
  await telemetry.shutdown();
  count('http', 'inbound', 'started');
  telemetry = startTelemetry();
  count('http', 'inbound', 'started');
  expect(await telemetry.hops()).toEqual({ 'http inbound started': 1 });
});

it('counts nothing, and throws nothing, where the provider fails', () => {
  const failing: MeterProvider = {
    getMeter() {
      throw new TypeError('a meter provider of the application');
    },
  };
  expect(() => hopsCounter(failing, scope)('http', 'inbound', 'started')).not.toThrow();
});

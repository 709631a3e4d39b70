import { trace } from '@opentelemetry/api';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { serverAvailability, startNats } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { traceNats } from '../src/index.ts';
import { OpenSpans } from './open-spans.ts';

const available = await serverAvailability('nats');

// What the tests of a suite have while it runs.
export let server: RunningServer;
export let telemetry: Telemetry;
/** A connection, and the same one traced. */
export let plain: NatsConnection;
export let connection: NatsConnection;
export const openSpans: OpenSpans = new OpenSpans();
/** What is put here is closed after the test. */
export const open: NatsConnection[] = [];

let subjects = 0;
/** A subject that nobody else has. */
export const newSubject = (name = 'orders'): string => `${name}${process.pid}n${subjects++}`;

/** Declares a suite that has a real NATS server, and is skipped by name where there is none. */
export function onNats(name: string, tests: () => void): void {
  describe.skipIf(available.missing)(`${name}${available.note}`, () => {
    beforeAll(async () => {
      telemetry = startTelemetry({ spanProcessors: [openSpans] });
      server = await startNats();
      plain = await connect({ servers: server.url });
      connection = traceNats(plain);
    });
    beforeEach(() => telemetry.reset());
    afterEach(async () => {
      for (const one of open.splice(0)) await one.close();
      expect(openSpans.named()).toEqual([]);
    });
    afterAll(async () => {
      await plain?.close();
      await server?.stop();
      await telemetry.shutdown();
    });
    tests();
  });
}

/** A connection of its own, which is closed after the test. */
export async function another(): Promise<NatsConnection> {
  const one = await connect({ servers: server.url });
  open.push(one);
  return one;
}

/** Runs `fn` in a span of the caller's. */
export async function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, (span) => fn().finally(() => span.end()));
}

/** Waits until there are that many finished spans of a name. */
export async function untilNamed(name: string, count = 1): Promise<ReadableSpan[]> {
  await expect.poll(() => named(name).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
  return named(name);
}

/** The finished spans of a name. */
export function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

/** The trace that is active. */
export function activeTrace(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** The span that is active. */
export function activeSpan(): string | undefined {
  return trace.getActiveSpan()?.spanContext().spanId;
}

import { trace } from '@opentelemetry/api';
import { serverAvailability, startRedis } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import * as bullmq6 from 'bullmq';
import * as bullmq5 from 'bullmq5';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { OpenSpans } from './open-spans.ts';

const available = await serverAvailability('redis');

/** The two majors, by the types of the newer. */
export const majors: { readonly major: string; readonly bullmq: typeof bullmq6 }[] = [
  { major: 'bullmq 6', bullmq: bullmq6 },
  { major: 'bullmq 5', bullmq: bullmq5 as unknown as typeof bullmq6 },
];

export let redis: RunningServer;
export let telemetry: Telemetry;
export const openSpans: OpenSpans = new OpenSpans();
/** What is put here is closed after the test, the last first. */
export const open: { close(): Promise<unknown> }[] = [];

let queues = 0;
/** A queue name that no test had. */
export const newName = (): string => `queue-${queues++}`;
/** Where Redis is, as BullMQ takes it. */
export function connection(): { host: string; port: number; maxRetriesPerRequest: null } {
  const { hostname, port } = new URL(redis.url);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}

/** Declares a suite that has a real Redis to itself, and is skipped by name where there is none. */
export function onRedis(name: string, tests: () => void): void {
  describe.skipIf(available.missing)(`${name}${available.note}`, () => {
    beforeAll(async () => {
      telemetry = startTelemetry({ spanProcessors: [openSpans] });
      redis = await startRedis();
    });
    beforeEach(() => telemetry.reset());
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.close();
      await expect.poll(() => openSpans.named()).toEqual([]);
    });
    afterAll(async () => {
      await redis?.stop();
      await telemetry.shutdown();
    });
    tests();
  });
}

/** Returns `one`, which is closed after the test. */
export function closing<T extends { close(): Promise<unknown>; on(event: 'error', listener: () => void): unknown }>(
  one: T,
): T {
  open.push(one);
  one.on('error', () => {});
  return one;
}

/** Runs `fn` in a span of the caller's. */
export async function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, (span) => fn().finally(() => span.end()));
}

/** The finished spans of a name. */
export function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

/** Resolves with so many finished spans of a name, once they are there. */
export async function ended(name: string, count = 1): Promise<ReadableSpan[]> {
  await expect.poll(() => named(name).length).toBeGreaterThanOrEqual(count);
  return named(name);
}

export const idOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId;
export const traceOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().traceId;
export const linksOf = (span: ReadableSpan | undefined): string[] =>
  (span?.links ?? []).map((link) => link.context.spanId);

import { trace } from '@opentelemetry/api';
import { kafkaAvailability, startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import type { Kafka, Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { traceProducer } from '../src/index.ts';
import type { TracedProducer } from '../src/index.ts';
import { OpenSpans } from './open-spans.ts';
import { connect } from './topics.ts';

const available = await kafkaAvailability({ need: 'apache' });

// What the tests of a suite have while it runs.
export let broker: RunningKafka;
export let kafka: Kafka;
export let telemetry: Telemetry;
/** A connected producer, and the same one traced. */
export let plain: Producer;
export let producer: TracedProducer<Producer>;
export const openSpans: OpenSpans = new OpenSpans();
/** What is put here is disconnected after the test. */
export const open: { disconnect(): Promise<void> }[] = [];

/** Declares a suite that has a real Apache Kafka to itself, and is skipped by name where there is none. */
export function onBroker(name: string, tests: () => void): void {
  describe.skipIf(available.missing)(`${name}${available.note}`, () => {
    beforeAll(async () => {
      telemetry = startTelemetry({ spanProcessors: [openSpans] });
      broker = await startKafka({ need: 'apache' });
      kafka = connect(broker.brokers);
      plain = kafka.producer();
      await plain.connect();
      producer = traceProducer(plain);
    });
    beforeEach(() => telemetry.reset());
    afterEach(async () => {
      for (const one of open.splice(0)) await one.disconnect();
    });
    afterAll(async () => {
      await plain?.disconnect();
      await broker?.stop();
      await telemetry.shutdown();
    });
    tests();
  });
}

/** Runs `fn` in a span of the caller's. */
export async function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, (span) => fn().finally(() => span.end()));
}

/** The finished spans of a name. */
export function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

/** The span id of the first span of a name. */
export function idOf(name: string): string {
  return telemetry.find(name).spanContext().spanId;
}

/** The trace id of the first span of a name. */
export function traceOf(name: string): string {
  return telemetry.find(name).spanContext().traceId;
}

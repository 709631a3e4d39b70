import type { Attributes, Counter, Gauge, Histogram, Meter, MeterProvider, MetricOptions } from '@opentelemetry/api';
import { guarded, isAmong, lazyInstruments } from '@throughline/core/adapter';
import { ATTR_JOB_NAME } from './conventions.ts';
import { scope } from './options.ts';

/** BullMQ's `Meter`. */
export interface BullMQMeter {
  createCounter(name: string, options?: MetricOptions): { add(value: number, attributes?: Attributes): void };
  createHistogram(name: string, options?: MetricOptions): { record(value: number, attributes?: Attributes): void };
  createGauge(name: string, options?: MetricOptions): { record(value: number, attributes?: Attributes): void };
}

type Instrument = Counter | Histogram | Gauge;

/** Returns BullMQ's own meter on the given provider, or the global one. BullMQ asks for an instrument with every job. */
export function bullmqMeter(option: MeterProvider | undefined): BullMQMeter {
  const current = lazyInstruments(option, scope, (meter) => ({ meter, made: new Map<string, Instrument>() }));
  const names = new Set<string>();
  const instrument = (kind: string, name: string, make: (meter: Meter) => Instrument): Instrument | undefined => {
    const instruments = current();
    if (instruments === undefined) return undefined;
    const key = `${kind} ${name}`;
    let made = instruments.made.get(key);
    if (made === undefined) instruments.made.set(key, (made = make(instruments.meter)));
    return made;
  };
  // Names of jobs may be without number.
  const labels = (attributes: Attributes | undefined): Attributes | undefined => {
    const job = attributes?.[ATTR_JOB_NAME];
    if (typeof job !== 'string' || isAmong(names, job, MAX_NAMES)) return attributes;
    return { ...attributes, [ATTR_JOB_NAME]: '_OTHER' };
  };
  const recorder = (kind: string, name: string, make: (meter: Meter) => Histogram | Gauge) => ({
    record: (value: number, attributes?: Attributes): void =>
      guarded('meter', () =>
        (instrument(kind, name, make) as Histogram | undefined)?.record(value, labels(attributes)),
      ),
  });
  return {
    createCounter: (name, options) => ({
      add: (value, attributes) =>
        guarded('meter', () =>
          (instrument('counter', name, (meter) => meter.createCounter(name, options)) as Counter | undefined)?.add(
            value,
            labels(attributes),
          ),
        ),
    }),
    createHistogram: (name, options) => recorder('histogram', name, (meter) => meter.createHistogram(name, options)),
    createGauge: (name, options) => recorder('gauge', name, (meter) => meter.createGauge(name, options)),
  };
}

const MAX_NAMES = 100;

import { createNoopMeter, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Meter, MeterProvider, Span, TextMapPropagator } from '@opentelemetry/api';
import type { HopOptions } from '../policy/options.ts';
import type { AdapterHarness } from './harness.ts';
import { watchedTracing } from './watch.ts';
import type { WatchedTracing } from './watch.ts';

/** Options under which one part of telemetry throws whenever it is asked. */
export interface Broken {
  readonly options: HopOptions;
  /** How many times it threw. */
  readonly thrown: { readonly count: number };
  /** The tracing that it breaks, where it breaks that. */
  readonly tracing?: WatchedTracing;
}

/** A part of telemetry, or an option, that can break. */
export interface Breakable {
  readonly what: string;
  break(): Broken;
}

const spanMethods: readonly (keyof Span)[] = [
  'spanContext',
  'isRecording',
  'setAttribute',
  'setAttributes',
  'addEvent',
  'addLink',
  'setStatus',
  'updateName',
  'recordException',
];

/** Everything that may throw, on the sending or the receiving end. */
export function breakables(end: 'outbound' | 'inbound', harness: AdapterHarness): Breakable[] {
  return [
    { what: 'a tracer, sampler or `onStart` of a span processor', break: () => brokenTracing('startSpan') },
    { what: '`onEnd` of a span processor', break: () => brokenTracing('end') },
    ...spanMethods.map((method) => ({ what: `\`${method}\` of a span`, break: () => brokenTracing(method) })),
    { what: 'a meter provider', break: () => brokenMeters('provider') },
    { what: 'a meter', break: () => brokenMeters('meter') },
    { what: 'an instrument', break: () => brokenMeters('instrument') },
    { what: '`inject` or `extract` of a propagator', break: () => brokenPropagator(['inject', 'extract']) },
    { what: '`fields` of a propagator', break: () => brokenPropagator(['fields']) },
    ...(end === 'outbound'
      ? [
          { what: 'an `outbound` function', break: () => brokenOption((fail) => ({ outbound: fail })) },
          {
            what: 'a `baggage.send` function',
            break: () => brokenOption((fail) => ({ baggage: { send: fail } })),
          },
        ]
      : [
          { what: 'an `inbound` function', break: () => brokenOption((fail) => ({ inbound: fail })) },
          { what: 'an `authenticated` function', break: () => brokenOption((fail) => ({ authenticated: fail })) },
        ]),
    {
      what: '`lineage.onLineage`',
      break: () => brokenOption((fail) => ({ lineage: { maxHops: 1, onLineage: fail } })),
    },
    ...Object.entries(harness.throwing ?? {}).map(([what, options]) => ({
      what,
      break: (): Broken => ({ options, thrown: { count: 0 } }),
    })),
  ];
}

function brokenTracing(trouble: Parameters<typeof watchedTracing>[0]): Broken {
  const tracing = watchedTracing(trouble);
  return { options: { tracerProvider: tracing.provider }, thrown: tracing.thrown, tracing };
}

function brokenOption(make: (fail: () => never) => HopOptions): Broken {
  const { fail, thrown } = failing('an option');
  return { options: make(fail), thrown };
}

function brokenPropagator(methods: readonly (keyof TextMapPropagator)[]): Broken {
  const { fail, thrown } = failing('a propagator');
  const propagator: TextMapPropagator = { inject: () => {}, extract: (context) => context, fields: () => ['x-mine'] };
  for (const method of methods) propagator[method] = fail;
  return { options: { propagator }, thrown };
}

function brokenMeters(part: 'provider' | 'meter' | 'instrument'): Broken {
  const { fail, thrown } = failing(`a ${part}`);
  const instrument = { add: fail, record: fail, addCallback: fail, removeCallback: fail };
  // Not the very meter that stands for nobody measuring.
  const meter = new Proxy(Object.create(createNoopMeter()) as Meter, {
    get: () => (part === 'meter' ? fail : () => instrument),
  });
  const meterProvider: MeterProvider = { getMeter: part === 'provider' ? fail : () => meter };
  return { options: { meterProvider }, thrown };
}

function failing(what: string): { fail: () => never; thrown: { count: number } } {
  const thrown = { count: 0 };
  const fail = (): never => {
    thrown.count++;
    throw new Error(`${what} of the test's own failed`);
  };
  return { fail, thrown };
}

/** A context with baggage, so that whoever decides about baggage is asked. */
export const withMember = propagation.setBaggage(
  ROOT_CONTEXT,
  propagation.createBaggage({ tenant: { value: 'blue' } }),
);

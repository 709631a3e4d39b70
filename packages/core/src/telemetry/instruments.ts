import { createNoopMeter, metrics } from '@opentelemetry/api';
import type { Meter, MeterProvider } from '@opentelemetry/api';
import { telemetryFailed } from './guard.ts';

/** The instrumentation scope of the package that opens spans and measures. */
export interface HopScope {
  readonly name: string;
  readonly version: string;
}

const noopMeter = createNoopMeter();

/**
 * Returns a function that gives the instruments which `make` makes on the given provider, or on the global one, which may be
 * registered later. It gives `undefined` where nobody measures, so that nobody need look at the clock. Never throws.
 */
export function lazyInstruments<I>(
  option: MeterProvider | undefined,
  scope: HopScope,
  make: (meter: Meter, provider: MeterProvider) => I,
): () => I | undefined {
  let provider: MeterProvider | undefined;
  let instruments: I | undefined;
  return () => {
    const current = option ?? metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      instruments = undefined;
      try {
        const meter = current.getMeter(scope.name, scope.version);
        if (meter !== noopMeter) instruments = make(meter, current);
      } catch (thrown) {
        telemetryFailed('meter', thrown);
      }
    }
    return instruments;
  };
}

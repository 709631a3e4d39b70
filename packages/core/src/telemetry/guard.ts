import { textOf, warnOnce } from '../diagnostics.ts';

/*
 * Nothing that telemetry does ever reaches the user. A tracer, sampler, span processor, span, meter or propagator that throws costs
 * that span or that measurement, and is told once.
 */

/** What a call of telemetry was about, for the line that is told when it throws. */
export type TelemetryPart = 'tracer' | 'span' | 'meter' | 'propagator' | 'outcome' | 'logger' | 'content';

/** Tells once that telemetry threw. */
export function telemetryFailed(part: TelemetryPart, thrown: unknown): void {
  warnOnce(
    `telemetry:${part}`,
    `a ${part} of the application's telemetry threw; what was called is not affected: ${textOf(thrown)}`,
  );
}

/** Calls `fn`. What it throws is told once and goes no further. */
export function guarded(part: TelemetryPart, fn: () => void): void {
  try {
    fn();
  } catch (thrown) {
    telemetryFailed(part, thrown);
  }
}

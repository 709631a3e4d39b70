import { warnOnce } from '../diagnostics.ts';

/**
 * Says once that a span processor, an exporter's queue or a meter of the application's threw while a hop ended. It goes no
 * further: to a client it would look like a failure of the send, or stop the consumer.
 */
export function telemetryFailed(thrown: unknown): void {
  warnOnce(
    'telemetry-failed',
    `telemetry failed while a hop ended, and the message is not affected: ${String(thrown)}`,
  );
}

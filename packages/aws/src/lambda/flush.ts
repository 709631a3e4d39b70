import { metrics, trace } from '@opentelemetry/api';
import { textOf, warnOnce } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';

/** What exports everything that has ended. */
export type Flush = () => PromiseLike<unknown> | void;

/** Exports everything that has ended, for so many milliseconds at the most. Never rejects. */
export type FlushWithin = (milliseconds: number) => Promise<void>;

/** Returns what flushes before a function freezes: as the option says, else the providers of the options, else the global ones. */
export function flusher(option: Flush | false | undefined, options: HopOptions | undefined): FlushWithin {
  if (option === false) return async () => {};
  const flush = option ?? (() => flushAll(options));
  return async (milliseconds) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      // Not one that lets the process end: whoever waits for the answer waits for this.
      const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, Math.max(milliseconds, 0), 'late')));
      if ((await Promise.race([flush(), late])) === 'late') {
        warnOnce(
          'lambda-flush-late',
          'telemetry could not be exported before the function answered: what is left goes with the next invocation, or is lost.',
        );
      }
    } catch (error) {
      warnOnce('lambda-flush', `telemetry could not be exported before the function answered: ${textOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** A provider of an SDK, or what stands for one. */
interface Provider {
  forceFlush?(): PromiseLike<unknown>;
  getDelegate?(): Provider;
}

function flushAll(options: HopOptions | undefined): PromiseLike<unknown> | void {
  const spans = providerOf(options?.tracerProvider ?? trace.getTracerProvider());
  const measurements = providerOf(options?.meterProvider ?? metrics.getMeterProvider());
  return measurements.forceFlush === undefined ? spans.forceFlush?.() : flushEach([spans, measurements]);
}

function providerOf(given: object): Provider {
  return (given as Provider).getDelegate?.() ?? given;
}

async function flushEach(providers: readonly Provider[]): Promise<void> {
  const settled = await Promise.allSettled(providers.map(async (provider) => provider.forceFlush?.()));
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
}

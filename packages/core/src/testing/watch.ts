import { diag, DiagLogLevel, trace } from '@opentelemetry/api';
import type { Span, Tracer, TracerProvider } from '@opentelemetry/api';

/** The registered tracer provider, watched: it knows which of its spans have not ended. */
export interface WatchedTracing {
  readonly provider: TracerProvider;
  /** The names of spans that started and have not ended. */
  open(): string[];
  /** How many times the named trouble was met. */
  readonly thrown: { count: number };
}

/** What goes wrong in a tracer: `startSpan` throws, or one method of every span does. */
export type Trouble = 'startSpan' | keyof Span;

/** Returns the global tracer provider, watched and with a trouble of its own. A span that throws when it ends has ended. */
export function watchedTracing(trouble?: Trouble): WatchedTracing {
  const open = new Set<{ readonly name: string }>();
  const thrown = { count: 0 };
  const fail = (): never => {
    thrown.count++;
    throw new Error(`${String(trouble)} of the test's own telemetry failed`);
  };
  const watched = (span: Span, name: string): Span => {
    const entry = { name };
    open.add(entry);
    const view: Span = new Proxy(span, {
      get(target, property) {
        if (property === 'end') {
          return (...args: Parameters<Span['end']>): void => {
            open.delete(entry);
            target.end(...args);
            if (trouble === 'end') fail();
          };
        }
        if (property === trouble) return fail;
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const result: unknown = Reflect.apply(value, target, args);
          return result === target ? view : result;
        };
      },
    });
    return view;
  };
  const provider: TracerProvider = {
    getTracer(...scope) {
      // Asked late: the SDK may be registered after the provider is made.
      const tracer = (): Tracer => trace.getTracerProvider().getTracer(...scope);
      return {
        startSpan(name, options, context) {
          if (trouble === 'startSpan') fail();
          return watched(tracer().startSpan(name, options, context), name);
        },
        startActiveSpan: ((...args: Parameters<Tracer['startActiveSpan']>) =>
          tracer().startActiveSpan(...args)) as Tracer['startActiveSpan'],
      };
    },
  };
  return { provider, open: () => [...open].map(({ name }) => name), thrown };
}

/** Runs `fn`, and returns with what it resolves to what OpenTelemetry's `diag` was told of, as if nothing had been told before. */
export async function hearingWarnings<T>(fn: () => Promise<T>): Promise<{ result: T; warnings: string[] }> {
  const warnings: string[] = [];
  const hear = (message: string): void => void warnings.push(message);
  const ignore = (): void => {};
  forgetWarnings();
  diag.setLogger(
    { error: hear, warn: hear, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  try {
    return { result: await fn(), warnings };
  } finally {
    diag.disable();
    forgetWarnings();
  }
}

// What `warnOnce` remembers, in every loaded copy of this package.
function forgetWarnings(): void {
  delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
}

/**
 * Runs `fn` with nobody else listening for errors that nobody caught, and returns with what it resolves to the errors that came:
 * those that would have ended the process.
 */
export async function withoutUncaught<T>(fn: () => Promise<T>): Promise<{ result: T; uncaught: unknown[] }> {
  const uncaught: unknown[] = [];
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const hear = (error: unknown): void => void uncaught.push(error);
  const others = events.map((event) => process.rawListeners(event) as ((...args: never[]) => void)[]);
  for (const event of events) process.removeAllListeners(event).on(event, hear);
  try {
    const result = await fn();
    await turn();
    return { result, uncaught };
  } finally {
    events.forEach((event, at) => {
      process.off(event, hear);
      for (const listener of others[at] ?? []) process.on(event, listener as () => void);
    });
  }
}

/** Resolves once everything that is due now has run: promises, ticks and immediates. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

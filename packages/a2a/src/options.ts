import { ThroughlineError } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { checkBoolean, hopSettings } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/a2a', version: '0.0.0' } as const;
/** The transport of its hops. */
export const A2A = 'a2a';

/** The options of {@link traceA2aClient}. */
export interface A2aClientOptions extends HopOptions {
  /**
   * Whether the client's own requests run under suppressed tracing, so that an instrumentation of fetch adds no second header. Default:
   * where something that is not ours listens to Node's fetch. A `fetchImpl` of `traceFetch()` then opens no span.
   */
  readonly suppressInner?: boolean | undefined;
}

/** A client's options, checked. */
export interface ClientSettings {
  readonly hop: HopSettings;
  readonly suppressInner: boolean | undefined;
}

/** Returns the settings of one wrapped client. Throws a `ThroughlineError` for a wrong option. */
export function clientSettings(options: A2aClientOptions | undefined): ClientSettings {
  const hop = hopSettings(options, scope, ['suppressInner']);
  checkBoolean('suppressInner', options?.suppressInner);
  return { hop, suppressInner: options?.suppressInner };
}

/** Throws a `ThroughlineError` for a thing that lacks one of these methods. */
export function checkMethods(thing: unknown, methods: readonly string[], name: string, what: string): void {
  const missing = methods.filter(
    (method) => typeof (thing as Record<string, unknown> | null | undefined)?.[method] !== 'function',
  );
  if (missing.length === 0) return;
  throw new ThroughlineError(
    'ERR_THROUGHLINE_ARGUMENT',
    `\`${name}\` takes ${what} of \`@a2a-js/sdk\` 1.x. This one has no \`${missing.join('`, `')}\`: hand in the object itself, and look at COMPATIBILITY.md for the versions that are supported.`,
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

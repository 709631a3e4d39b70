/** A function that an instrumentation patched, with the marks of `isWrapped` in `@opentelemetry/instrumentation`. */
interface Patched {
  readonly __wrapped?: unknown;
  readonly __original?: unknown;
  readonly __unwrap?: unknown;
}

/** Returns whether an OpenTelemetry instrumentation has patched a function, and would open a second span and write a second header. */
export function isPatched(fn: unknown): boolean {
  return typeof fn === 'function' && (fn as Patched).__wrapped === true;
}

/**
 * Returns the function that an OpenTelemetry instrumentation patched. Its handlers of messages open their spans from what a message
 * holds, whatever is active, so that nothing but to go past them keeps them from it.
 */
export function unpatched<F>(fn: F): F {
  let original = fn;
  // What several have patched has several layers.
  while (isPatched(original)) {
    const { __original: inner, __unwrap: unwrap } = original as Patched;
    if (typeof inner !== 'function' || typeof unwrap !== 'function') break;
    original = inner as F;
  }
  return original;
}

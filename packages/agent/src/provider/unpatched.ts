/** A function that an instrumentation patched, with the marks of `isWrapped` in `@opentelemetry/instrumentation`. */
interface Patched {
  readonly __wrapped?: unknown;
  readonly __original?: unknown;
  readonly __unwrap?: unknown;
}

/**
 * Returns the method that OpenTelemetry instrumentations patched, under all their layers. Run below a call of ours, each would count its tokens
 * a second time, on a span and in metrics.
 */
export function unpatched<F>(fn: F): F {
  let original = fn;
  while (typeof original === 'function') {
    const { __wrapped: isWrapped, __original: inner, __unwrap: unwrap } = original as Patched;
    if (isWrapped !== true || typeof inner !== 'function' || typeof unwrap !== 'function') break;
    original = inner as F;
  }
  return original;
}

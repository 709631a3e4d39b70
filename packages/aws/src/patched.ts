/** Returns whether an OpenTelemetry instrumentation has patched a function, and would open a second span and write a second header. */
export function isPatched(fn: unknown): boolean {
  return typeof fn === 'function' && (fn as { readonly __wrapped?: unknown }).__wrapped === true;
}

/**
 * Returns a shallow copy of `source` with `name` set to `value`. A class instance gives one of the same prototype on which the
 * `known` members are plain values, so that accessors over private fields keep working.
 */
export function copyWith(source: object, known: readonly string[], name: string, value: unknown): object {
  const prototype: unknown = Object.getPrototypeOf(source);
  if (prototype === Object.prototype || prototype === null) {
    const plain: Record<string, unknown> = { ...source };
    plain[name] = value;
    return plain;
  }
  const copy = Object.create(prototype as object) as object;
  const define = (key: PropertyKey, held: unknown): void => {
    Object.defineProperty(copy, key, { value: held, writable: true, enumerable: true, configurable: true });
  };
  for (const key of Object.keys(source)) define(key, (source as Record<string, unknown>)[key]);
  for (const key of known) if (key in source) define(key, (source as Record<string, unknown>)[key]);
  define(name, value);
  return copy;
}

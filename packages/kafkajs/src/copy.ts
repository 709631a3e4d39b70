/*
 * Copies are made of each message, so they are written out, `{ ...message, headers }`: to set a member whose name is a variable costs
 * as much as the rest of the copy. Class instances, which some build their messages as, take the longer way.
 */

/** Returns whether a spread copies all of an object: it is no instance of a class. */
export function isPlain(source: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(source);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Returns a shallow copy of a class instance, of the same prototype, with `name` set to `value`. The `known` members are plain
 * values on it, so that accessors over private fields keep working.
 */
export function copyOfInstance(source: object, known: readonly string[], name: string, value: unknown): object {
  const copy = Object.create(Object.getPrototypeOf(source) as object | null) as object;
  const define = (key: PropertyKey, held: unknown): void => {
    Object.defineProperty(copy, key, { value: held, writable: true, enumerable: true, configurable: true });
  };
  for (const key of Object.keys(source)) define(key, (source as Record<string, unknown>)[key]);
  for (const key of known) if (key in source) define(key, (source as Record<string, unknown>)[key]);
  define(name, value);
  return copy;
}

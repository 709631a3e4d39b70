/**
 * Returns what all loaded copies of this package share under a name, made when the first of them asks: a program that loads the ESM build and
 * the CommonJS one has two.
 */
export function sharedByCopies<T>(name: string, make: () => T): T {
  const key = Symbol.for(`throughline.agent.${name}`);
  const holder = globalThis as { [key]?: T };
  return (holder[key] ??= make());
}

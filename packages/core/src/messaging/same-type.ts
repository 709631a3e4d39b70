import { markWrapped, wrapBrand } from '../brand.ts';
import type { HopSettings } from '../settings.ts';

/**
 * Returns an object of the same type as `target` with some members replaced; `target` stays as it is. kafkajs makes plain
 * objects of closures: the wrapper is a copy. Other clients make instances with private members: a Proxy, its methods bound
 * to the target.
 */
export function sameType<T extends object>(
  target: T,
  members: Readonly<Record<PropertyKey, unknown>>,
  settings: HopSettings,
): T {
  const prototype: unknown = Object.getPrototypeOf(target);
  if (prototype === Object.prototype || prototype === null) return markWrapped({ ...target, ...members }, settings);
  return proxied(target, members, settings);
}

// Methods that return the target, such as `on`, return the wrapper.
function proxied<T extends object>(
  target: T,
  members: Readonly<Record<PropertyKey, unknown>>,
  settings: HopSettings,
): T {
  const brand = markWrapped({}, settings) as Record<PropertyKey, unknown>;
  const replaced = new Map<PropertyKey, unknown>(Object.entries(members));
  // Bound once, so that `proxy.connect === proxy.connect`.
  const bound = new WeakMap<object, unknown>();
  const proxy: T = new Proxy(target, {
    get(_, property) {
      if (property === wrapBrand) return brand[wrapBrand];
      if (replaced.has(property)) return replaced.get(property);
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      let method = bound.get(value);
      if (method === undefined) {
        const call = value as (...args: unknown[]) => unknown;
        method = (...args: unknown[]): unknown => {
          const result = call.apply(target, args);
          return result === target ? proxy : result;
        };
        bound.set(value, method);
      }
      return method;
    },
    has: (_, property) => property === wrapBrand || Reflect.has(target, property),
    set(_, property, value) {
      replaced.delete(property);
      return Reflect.set(target, property, value, target);
    },
  });
  return proxy;
}

import { markWrapped, wrapBrand } from '@throughline/core';
import type { HopSettings } from '@throughline/core';

/**
 * Returns an object of the same type as `target` with some members replaced; `target` stays as it is. kafkajs makes plain
 * objects of closures: the wrapper is a copy. Confluent's client makes instances with private members: a Proxy, its methods
 * bound to the target.
 */
export function sameType<T extends object>(target: T, members: Record<string, unknown>, settings: HopSettings): T {
  const prototype: unknown = Object.getPrototypeOf(target);
  if (prototype === Object.prototype || prototype === null) return markWrapped({ ...target, ...members }, settings);
  return proxied(target, members, settings);
}

function proxied<T extends object>(target: T, members: Record<string, unknown>, settings: HopSettings): T {
  const brand = markWrapped({}, settings) as Record<PropertyKey, unknown>;
  const replaced = new Map<PropertyKey, unknown>(Object.entries(members));
  // Bound once, so that `proxy.connect === proxy.connect`.
  const bound = new WeakMap<object, unknown>();
  return new Proxy(target, {
    get(_, property) {
      if (property === wrapBrand) return brand[wrapBrand];
      if (replaced.has(property)) return replaced.get(property);
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      let method = bound.get(value);
      if (method === undefined) bound.set(value, (method = value.bind(target)));
      return method;
    },
    has: (_, property) => property === wrapBrand || Reflect.has(target, property),
    set(_, property, value) {
      replaced.delete(property);
      return Reflect.set(target, property, value, target);
    },
  });
}

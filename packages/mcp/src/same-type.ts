import { markWrapped, wrapBrand } from '@throughline/core';
import type { HopSettings } from '@throughline/core';

/** What {@link Members.get} returns for a member that is as the target has it. */
export const asTarget: unique symbol = Symbol('as the target has it');

/** The members of a wrapped object that differ from the target's. */
export interface Members {
  get(property: PropertyKey): unknown;
  /** Whether it took the assignment. */
  set?(property: PropertyKey, value: unknown): boolean;
}

/**
 * Returns a Proxy that passes for its target: the same type, `instanceof`, `constructor`, `in`, own properties. Inherited
 * methods are bound to the target, for the sake of `#private` fields; what is assigned goes to the target and comes back
 * as the same object.
 */
export function sameType<T extends object>(target: T, members: Members, settings: HopSettings): T {
  const brand = (markWrapped({}, settings) as { [wrapBrand]?: unknown })[wrapBrand];
  // Bound once, so that `proxy.close === proxy.close`.
  const bound = new WeakMap<object, unknown>();
  return new Proxy(target, {
    get(_, property) {
      const member = members.get(property);
      if (member !== asTarget) return member;
      if (property === wrapBrand) return brand;
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor' || !isMethod(target, property, value)) return value;
      let method = bound.get(value);
      if (method === undefined) bound.set(value, (method = value.bind(target)));
      return method;
    },
    has: (_, property) => property === wrapBrand || Reflect.has(target, property),
    set: (_, property, value) => members.set?.(property, value) === true || Reflect.set(target, property, value, target),
  });
}

// A callback that was assigned, or that an accessor returns, is the user's: it keeps its identity.
function isMethod(target: object, property: PropertyKey, value: unknown): boolean {
  if (Object.hasOwn(target, property)) return false;
  for (let holder = Object.getPrototypeOf(target) as object | null; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, property);
    if (descriptor !== undefined) return descriptor.value === value;
  }
  return false;
}

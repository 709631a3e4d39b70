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
  // A call passes here several times: each method is looked up and bound once, which also makes `proxy.close === proxy.close`.
  const known = new Map<PropertyKey, { readonly value: unknown; readonly method: unknown }>();
  const loose = target as Record<PropertyKey, unknown>;
  return new Proxy(target, {
    get(_, property) {
      const member = members.get(property);
      if (member !== asTarget) return member;
      if (property === wrapBrand) return brand;
      const value = loose[property];
      if (typeof value !== 'function') return value;
      let entry = known.get(property);
      if (entry?.value !== value) {
        const method: unknown =
          property === 'constructor' || !isMethod(target, property, value) ? value : value.bind(target);
        known.set(property, (entry = { value, method }));
      }
      return entry.method;
    },
    has: (_, property) => property === wrapBrand || Reflect.has(target, property),
    set: (_, property, value) =>
      members.set?.(property, value) === true || Reflect.set(target, property, value, target),
  });
}

// A callback that was assigned, or that an accessor returns, is the user's: it keeps its identity.
function isMethod(target: object, property: PropertyKey, value: unknown): boolean {
  if (Object.hasOwn(target, property)) return false;
  for (
    let holder = Object.getPrototypeOf(target) as object | null;
    holder !== null;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, property);
    if (descriptor !== undefined) return descriptor.value === value;
  }
  return false;
}

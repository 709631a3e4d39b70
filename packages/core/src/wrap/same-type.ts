import { markWrapped, wrapBrand } from './brand.ts';
import type { HopSettings } from '../policy/settings.ts';

/** What {@link Members.get} returns for a member that is as the target has it. */
export const asTarget: unique symbol = Symbol('as the target has it');

/** The members of a view that differ from its target's. */
export interface Members {
  get(property: PropertyKey): unknown;
  /** Whether it took the assignment; else it goes to the target. */
  set?(property: PropertyKey, value: unknown): boolean;
}

/**
 * Returns an object of the same type as `target`, marked as wrapped, with some members replaced; `target` stays as it is. A
 * plain object of closures, as kafkajs makes them, gives a copy; anything else a {@link viewOf view}.
 */
export function sameType<T extends object>(
  target: T,
  members: Readonly<Record<string, unknown>>,
  settings: HopSettings,
): T {
  const prototype: unknown = Object.getPrototypeOf(target);
  if (prototype === Object.prototype || prototype === null) return markWrapped({ ...target, ...members }, settings);
  return viewOf(target, replacing(members), settings);
}

/** Returns members that are replaced, by these and then by what is assigned to them. */
export function replacing(members: Readonly<Record<PropertyKey, unknown>>): Members {
  const replaced = new Map<PropertyKey, unknown>(Reflect.ownKeys(members).map((name) => [name, members[name]]));
  return {
    get(property) {
      const member = replaced.get(property);
      return member === undefined && !replaced.has(property) ? asTarget : member;
    },
    // Not on the target: what is assigned most often calls the member that it stands for, and that one calls the target's.
    set(property, value) {
      if (!replaced.has(property)) return false;
      replaced.set(property, value);
      return true;
    },
  };
}

/**
 * Returns a Proxy that passes for its target: the same type, `instanceof`, `constructor`, `in`, own properties. Methods run on
 * the target, for the sake of `#private` fields; where one returns the target, as a chainable one does, the view comes back.
 * What is assigned goes to the target and comes back as the same object. With `settings` it is marked as wrapped.
 */
export function viewOf<T extends object>(target: T, members: Members, settings?: HopSettings): T {
  const brand = settings === undefined ? undefined : markWrapped({}, settings);
  const loose = target as Record<PropertyKey, unknown>;
  // A call may pass here several times: each method is looked up and bound once, which also makes `view.close === view.close`.
  const known = new Map<PropertyKey, { readonly value: unknown; readonly method: unknown }>();
  // A Proxy has to give the own members of a frozen target as they are; one over an heir of it has not.
  const view: T = new Proxy(Object.isExtensible(target) ? target : (Object.create(target) as T), {
    get(_, property) {
      const member = members.get(property);
      if (member !== asTarget) return member;
      if (property === wrapBrand && brand !== undefined) return (brand as Partial<Record<symbol, unknown>>)[wrapBrand];
      const value = loose[property];
      if (typeof value !== 'function') return value;
      let entry = known.get(property);
      if (entry?.value !== value) {
        const method = isMethod(target, property, value) ? bound(value) : value;
        known.set(property, (entry = { value, method }));
      }
      return entry.method;
    },
    has: (_, property) => (property === wrapBrand && brand !== undefined) || Reflect.has(target, property),
    set: (_, property, value) =>
      members.set?.(property, value) === true || Reflect.set(target, property, value, target),
  });
  const bound =
    (method: (...args: never[]) => unknown) =>
    (...args: unknown[]): unknown => {
      const result: unknown = Reflect.apply(method, target, args);
      return result === target ? view : result;
    };
  return view;
}

// A callback that was assigned, or that an accessor returns, is the user's: it keeps its identity.
function isMethod(target: object, property: PropertyKey, value: unknown): value is (...args: never[]) => unknown {
  if (property === 'constructor' || Object.hasOwn(target, property)) return false;
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

import { warnOncePer } from '../diagnostics.ts';
import { markWrapped, wrapBrand } from './brand.ts';
import type { Wrap } from './brand.ts';

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
export function sameType<T extends object>(target: T, members: Readonly<Record<string, unknown>>, settings: Wrap): T {
  const prototype: unknown = Object.getPrototypeOf(target);
  if (prototype === Object.prototype || prototype === null) return markWrapped({ ...target, ...members }, settings);
  return viewOf(target, replacing(members), settings, Object.keys(members));
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
 *
 * `called` names members that methods may call on `this`, such as `connect`. Methods of a subclass run on the view, and so do those of
 * the class itself that call one, so that they get the traced ones. A class with `#private` fields cannot be helped so; a subclass is
 * told once.
 */
export function viewOf<T extends object>(
  target: T,
  members: Members,
  settings?: Wrap,
  called: readonly string[] = [],
): T {
  const brand = settings === undefined ? undefined : markWrapped({}, settings);
  const loose = target as Record<PropertyKey, unknown>;
  const assigned = new Set<PropertyKey>();
  const runsOnView = called.length === 0 ? never : subclassRule(target, called);
  // A call may pass here several times: each method is looked up and bound once, which also makes `view.close === view.close`.
  const known = new Map<PropertyKey, { readonly value: unknown; readonly method: unknown }>();
  // A Proxy has to give members that cannot change as they are; one over an heir of the target has not.
  const view: T = new Proxy(isFixed(target) ? (Object.create(target) as T) : target, {
    get(_, property) {
      const member = members.get(property);
      if (member !== asTarget) return member;
      if (property === wrapBrand && brand !== undefined) return (brand as Partial<Record<symbol, unknown>>)[wrapBrand];
      const value = loose[property];
      if (typeof value !== 'function') return value;
      let entry = known.get(property);
      if (entry?.value !== value) {
        const holder = assigned.has(property) ? undefined : holderOf(target, property, value);
        const method =
          holder === undefined
            ? value
            : bound(value as Method, runsOnView(holder, value as Method) ? undefined : target);
        known.set(property, (entry = { value, method }));
      }
      return entry.method;
    },
    has: (_, property) => (property === wrapBrand && brand !== undefined) || Reflect.has(target, property),
    set(_, property, value) {
      if (members.set?.(property, value) === true) return true;
      assigned.add(property);
      return Reflect.set(target, property, value, target);
    },
  });

  function bound(method: Method, self: T | undefined): Method {
    const call = (args: unknown[]): unknown => {
      const result: unknown = Reflect.apply(method, self ?? view, args);
      return result === target ? view : result;
    };
    // A function that carries members of its own, as mocks do, keeps them.
    if (Object.keys(method).length === 0) return (...args) => call(args);
    return new Proxy(method, { apply: (_, __, args) => call(args) });
  }
  return view;
}

type Method = (...args: unknown[]) => unknown;
const never = (): boolean => false;

function isFixed(target: object): boolean {
  if (!Object.isExtensible(target)) return true;
  return Object.values(Object.getOwnPropertyDescriptors(target)).some(
    ({ configurable, writable }) => configurable === false && writable === false,
  );
}

/**
 * Returns the object that holds a method: the target itself, or a prototype of it. `undefined` for what is none: a callback that was
 * assigned, such as `onclose`, or that an accessor returns, is the user's, and keeps its identity.
 */
function holderOf(target: object, property: PropertyKey, value: unknown): object | undefined {
  if (property === 'constructor') return undefined;
  if (Object.hasOwn(target, property)) return isCallbackName(property) ? undefined : target;
  for (let holder = prototypeOf(target); holder !== null; holder = prototypeOf(holder)) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, property);
    if (descriptor !== undefined) return descriptor.value === value ? holder : undefined;
  }
  return undefined;
}

// `onclose`, `onmessage`, as event handlers are called; `on` and `once` are methods.
function isCallbackName(property: PropertyKey): boolean {
  return typeof property === 'string' && /^on[a-z]/.test(property) && property !== 'once';
}

/**
 * Returns which methods may run on a view of `target`: those below the class that has the members called, those of object literals,
 * and of that class itself those that call one; unless a class of theirs has `#private` fields, which a view has not.
 */
function subclassRule(target: object, called: readonly string[]): (holder: object, method: Method) => boolean {
  const below = new Set<object>();
  for (const name of called) {
    for (let at: object | null = target; at !== null && !Object.hasOwn(at, name); at = prototypeOf(at)) below.add(at);
  }
  for (const holder of below) warnIfPast(holder, called);
  return (holder, method) =>
    (below.has(holder) ||
      !Object.hasOwn(holder, 'constructor') ||
      calledIn(Function.prototype.toString.call(method), called) !== undefined) &&
    !hasPrivates(holder);
}

function calledIn(source: string, called: readonly string[]): string | undefined {
  return called.find((name) => source.includes(`this.${name}(`));
}

/** Says once that a class with `#private` fields calls on itself what is traced. */
function warnIfPast(holder: object, called: readonly string[]): void {
  if (!Object.hasOwn(holder, 'constructor') || !hasPrivates(holder)) return;
  const name = calledIn(sourceOf(holder), called);
  if (name === undefined) return;
  warnOncePer(
    'private-subclass',
    (holder.constructor as { name?: string }).name ?? '',
    `a class with #private fields calls \`this.${name}()\`, which goes past tracing. Hand in the object that it extends, or make the fields \`private\`.`,
  );
}

// Whether a class of the holder, or of an instance that holds its own methods, has `#private` fields. Native code has.
function hasPrivates(holder: object): boolean {
  if (!Object.hasOwn(holder, 'constructor') && prototypeOf(holder) === Object.prototype) return false;
  const source = sourceOf(holder);
  return source.includes('#') || source.includes('[native code]') || source.includes('__classPrivateField');
}

function sourceOf(holder: object): string {
  const { constructor } = holder;
  if (typeof constructor !== 'function' || constructor === Object) return '';
  return Function.prototype.toString.call(constructor);
}

function prototypeOf(of: object): object | null {
  return Object.getPrototypeOf(of) as object | null;
}

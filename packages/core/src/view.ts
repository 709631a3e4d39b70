/** A method, called with its target as `this`. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What a view does where its target's own method is called. */
export type Replacement = (target: object, method: Method, args: unknown[]) => unknown;

/**
 * Returns a Proxy that passes for its target: the same type, `instanceof`, `constructor`, `in`. Its methods run on the target,
 * for the sake of `#private` fields, some of them replaced; where one returns the target, as a chainable one does, the view
 * comes back. The target is not changed.
 */
export function viewOf<T extends object>(target: T, replacements: ReadonlyMap<PropertyKey, Replacement>): T {
  // Each method is looked up once, which also makes `view.emit === view.emit`.
  const known = new Map<PropertyKey, { readonly own: unknown; readonly method: Method }>();
  // A Proxy has to give the own members of a frozen target as they are; one over an heir of it has not.
  const view: T = new Proxy(Object.isExtensible(target) ? target : (Object.create(target) as T), {
    get(_, property) {
      const own: unknown = Reflect.get(target, property, target);
      if (typeof own !== 'function' || property === 'constructor') return own;
      let entry = known.get(property);
      if (entry === undefined || entry.own !== own) {
        const replacement = replacements.get(property);
        const method: Method = (...args) => {
          const result: unknown =
            replacement === undefined ? Reflect.apply(own, target, args) : replacement(target, own as Method, args);
          return result === target ? view : result;
        };
        known.set(property, (entry = { own, method }));
      }
      return entry.method;
    },
    set: (_, property, value) => Reflect.set(target, property, value, target),
  });
  return view;
}

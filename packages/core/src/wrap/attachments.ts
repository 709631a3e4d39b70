/** What is known of objects that are somebody else's. */
export interface Attachments<V> {
  get(object: object): V | undefined;
  set(object: object, value: V): void;
}

// Fields of a class that extends this are put onto the object that its constructor is given.
// oxlint-disable-next-line typescript/no-extraneous-class -- it is there to be extended
class Given {
  constructor(object: object) {
    return object;
  }
}

/**
 * Returns what keeps a value with an object for as long as the object lives, as a `WeakMap` does, and as invisibly: in a private
 * field. For objects of which each message brings one. V8 goes through a `WeakMap` at every collection of garbage, which for a
 * message of NATS cost as much as its span.
 */
export function attachments<V>(): Attachments<V> {
  // To what cannot be extended, nothing is added.
  const fixed = new WeakMap<object, V>();
  class Holder extends Given {
    #value: V;

    constructor(object: object, value: V) {
      super(object);
      this.#value = value;
    }

    static get(object: object): V | undefined {
      return #value in object ? object.#value : fixed.get(object);
    }

    static set(object: object, value: V): void {
      if (#value in object) object.#value = value;
      else if (Object.isExtensible(object)) void new Holder(object, value);
      else fixed.set(object, value);
    }
  }
  return Holder;
}

/**
 * Returns what `fn` returns. `ended` is called once: when `fn` has returned, when the promise it returned has settled, or when
 * it has thrown; with `failed` and the value that was thrown in the last cases. A thrown value comes out as the same object.
 *
 * A promise that carries members of its own comes out as the same object. Any other thenable, such as a query that runs once it is
 * asked for, comes out as one of its kind and is not started: `ended` is called when its result is there, or when it is asked for
 * something else.
 */
export function whenSettled<T>(fn: () => T, ended: (failed: boolean, value: unknown) => void): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    ended(true, error);
    throw error;
  }
  if (!isThenable(result)) {
    ended(false, result);
    return result;
  }
  if (isPlainPromise(result)) return result.then(...followed(ended)) as T;
  return (isPromise(result) ? watched(result, ended) : observed(result, ended)) as T;
}

type Ended = (failed: boolean, value: unknown) => void;
type Callback = ((value: unknown) => unknown) | null | undefined;

function followed(
  ended: Ended,
  fulfilled?: Callback,
  rejected?: Callback,
): [typeof fulfilled & {}, typeof rejected & {}] {
  return [
    (value) => {
      ended(false, value);
      return typeof fulfilled === 'function' ? fulfilled(value) : value;
    },
    (error) => {
      ended(true, error);
      if (typeof rejected === 'function') return rejected(error);
      throw error;
    },
  ];
}

/** Returns a promise that is more than one, as it is. It runs already, so that to watch it starts nothing. */
function watched(promise: PromiseLike<unknown>, ended: Ended): PromiseLike<unknown> {
  try {
    void Promise.prototype.then.call(
      promise,
      (value: unknown) => ended(false, value),
      (error: unknown) => ended(true, error),
    );
    return promise;
  } catch {
    // It only says that it is a promise.
    return observed(promise, ended);
  }
}

/** Returns a view of a thenable whose `then`, `catch` and `finally` tell how it came out. All else is the thenable's own. */
function observed(thenable: PromiseLike<unknown>, ended: Ended): PromiseLike<unknown> {
  let told = false;
  const once: Ended = (failed, value) => {
    if (told) return;
    told = true;
    ended(failed, value);
  };
  const methods: Readonly<Record<PropertyKey, unknown>> = {
    // oxlint-disable-next-line unicorn/no-thenable -- it stands for the one of a thenable
    then: (fulfilled: Callback, rejected: Callback) => thenable.then(...followed(once, fulfilled, rejected)),
    catch: (rejected: Callback) => thenable.then(...followed(once, undefined, rejected)),
    finally: (fn: () => void) => Promise.prototype.finally.call(view, fn),
  };
  const view: PromiseLike<unknown> = new Proxy(thenable, {
    get(target, property) {
      if (Object.hasOwn(methods, property) && property in target) return methods[property];
      const value: unknown = Reflect.get(target, property, target);
      // On the thenable itself, for the sake of `#private` fields.
      if (typeof value !== 'function' || property === 'constructor') return value;
      return (...args: unknown[]): unknown => {
        // Asked for by another member, such as `.json()`, how it comes out is not to be seen from here.
        once(false, undefined);
        return Reflect.apply(value, target, args);
      };
    },
  });
  return view;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    // A getter threw: whoever awaits it will meet the same.
    return false;
  }
}

// Of whatever realm: Jest runs its tests in one of their own.
function isPromise(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Promise]';
}

// No subclass, and without members of its own.
function isPlainPromise(value: PromiseLike<unknown>): boolean {
  if (Object.keys(value).length > 0) return false;
  const prototype = Object.getPrototypeOf(value) as object;
  return prototype === Promise.prototype || (isPromise(value) && prototype.constructor.name === 'Promise');
}

/**
 * Returns what `fn` returns. `ended` is called once: when `fn` has returned, when the promise it returned has settled, or when
 * it has thrown; with `failed` and the value that was thrown in the last cases. A thrown value comes out as the same object.
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
  return result.then(
    (value: unknown) => {
      ended(false, value);
      return value;
    },
    (error: unknown) => {
      ended(true, error);
      throw error;
    },
  ) as T;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

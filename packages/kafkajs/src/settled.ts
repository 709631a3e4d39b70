/**
 * Returns `result`, or a promise of the same outcome where it is one, once `done` or `failed` has seen it. Rejects with the same
 * object.
 */
export function whenSettled<T>(result: T, done: (value: unknown) => void, failed: (error: unknown) => void): T {
  if (typeof result !== 'object' || result === null || typeof (result as { then?: unknown }).then !== 'function') {
    done(result);
    return result;
  }
  return (result as unknown as PromiseLike<unknown>).then(
    (value) => {
      done(value);
      return value;
    },
    (error: unknown) => {
      failed(error);
      throw error;
    },
  ) as T;
}

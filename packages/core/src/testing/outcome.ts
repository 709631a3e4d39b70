/** What a call came to, whether it returned or threw, at once or by a promise. */
export interface Outcome {
  readonly failed: boolean;
  /** What was returned or thrown; of a promise, what it settled with. */
  readonly value: unknown;
  /** Whether it came at once, not by a promise or another thenable. */
  readonly atOnce: boolean;
}

/** Resolves with what `call` comes to. Never rejects: a thrown value is in the outcome, whatever it is. */
export async function outcomeOf(call: () => unknown): Promise<Outcome> {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return { failed: true, value: error, atOnce: true };
  }
  const atOnce = !isThenable(result);
  try {
    return { failed: false, value: await result, atOnce };
  } catch (error) {
    return { failed: true, value: error, atOnce };
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Freezes an object and all that it holds, and returns it. Bytes stay: they cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  return value;
}

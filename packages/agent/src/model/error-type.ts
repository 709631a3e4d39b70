import { errorType } from '@throughline/core/adapter';

/**
 * Returns a low-cardinality class for what a client of a model threw: the provider's code, the status of its answer, the name of the
 * error's class, or what core says of it. Never throws.
 */
export function modelErrorType(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null) {
      const { code, status, statusCode, name } = error as Record<string, unknown>;
      if (typeof code === 'string' && isWord(code)) return code;
      const answered = status ?? statusCode;
      if (typeof answered === 'number' && answered >= 400 && answered < 600) return String(answered);
      // Those of the SDKs are called `Error` by name.
      const { name: className } = error.constructor as { name?: unknown };
      if (name === 'Error' && typeof className === 'string' && className !== 'Error' && isWord(className))
        return className;
    }
  } catch {
    // A getter of the error threw.
  }
  return errorType(error);
}

const ABORTS: readonly unknown[] = ['AbortError', 'APIUserAbortError'];

/** Whether an error says that the caller aborted the call. */
export function isAbort(error: unknown): boolean {
  try {
    if (typeof error !== 'object' || error === null) return false;
    return ABORTS.includes((error as { name?: unknown }).name) || ABORTS.includes(error.constructor.name);
  } catch {
    return false;
  }
}

function isWord(text: string): boolean {
  return text.length > 0 && text.length <= 64 && /^[\w.$-]+$/.test(text);
}

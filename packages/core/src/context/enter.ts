import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

/** What a context manager over an `AsyncLocalStorage` has: OpenTelemetry's, who extends it, and that of `register`. */
interface StorageManager {
  readonly _asyncLocalStorage?: { enterWith?(context: Context): void } | undefined;
}

/**
 * Makes `context` the active one for the rest of the task that runs, and for what is started from it: as
 * `AsyncLocalStorage.enterWith` does, which OpenTelemetry's API has no word for. Returns whether it could: context managers of other
 * kinds cannot. Call it only where nothing else goes on in the same task, as in the continuation of an `await`: there
 * it ends with the task.
 */
export function enterContext(context: Context): boolean {
  try {
    const storage = managerOf(contextApi)?._asyncLocalStorage;
    if (typeof storage?.enterWith !== 'function') return false;
    storage.enterWith(context);
    return contextApi.active() === context;
  } catch {
    return false;
  }
}

// Not public, and the same since version 1.0.
function managerOf(api: unknown): StorageManager | undefined {
  return (api as { _getContextManager?(): StorageManager })._getContextManager?.();
}

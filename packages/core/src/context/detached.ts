import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api';

// As the stores of all AsyncLocalStorages are where this module is loaded: most often before there is any request. Not an import,
// since this module is also loaded where `node:` is unknown.
const whereLoaded = globalThis.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage.snapshot?.();

/**
 * Returns a timer that holds nothing but `fn`, nor the process. One that is made as usual holds the asynchronous context that it is
 * made in until it fires, and with that the request, its body, and whatever else somebody's AsyncLocalStorage has of it.
 */
export function detachedTimer(fn: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const start = (): ReturnType<typeof setTimeout> =>
    contextApi.with(ROOT_CONTEXT, setTimeout, undefined, fn, milliseconds);
  const timer = whereLoaded === undefined ? start() : whereLoaded(start);
  // A number in a browser.
  timer.unref?.();
  return timer;
}

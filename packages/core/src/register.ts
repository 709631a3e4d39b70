import { AsyncLocalStorage } from 'node:async_hooks';
import { context as contextApi, createContextKey, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context, ContextManager } from '@opentelemetry/api';
import { W3CPropagator } from './carrier/propagator.ts';

/** What {@link register} did: `registered` a part of ours, or `kept` one that was there. */
export interface Registration {
  readonly contextManager: 'registered' | 'kept';
  readonly propagator: 'registered' | 'kept';
}

const probeKey = createContextKey('throughline.probe');

/**
 * Registers an async context manager and a {@link W3CPropagator} in a process without an SDK, so that context flows on
 * unchanged through it. Never replaces what an SDK registered; an SDK that comes later must come first instead.
 *
 * @example
 * ```ts
 * register(); // { contextManager: 'registered', propagator: 'registered' }
 * ```
 */
export function register(): Registration {
  const hasManager = contextApi.with(
    ROOT_CONTEXT.setValue(probeKey, true),
    () => contextApi.active().getValue(probeKey) === true,
  );
  const hasPropagator = propagation.fields().length > 0;
  return {
    contextManager: !hasManager && contextApi.setGlobalContextManager(asyncContextManager()) ? 'registered' : 'kept',
    propagator: !hasPropagator && propagation.setGlobalPropagator(new W3CPropagator()) ? 'registered' : 'kept',
  };
}

function asyncContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager & { readonly _asyncLocalStorage: unknown } = {
    // Under the name that OpenTelemetry's own has it: see `enterContext`.
    _asyncLocalStorage: storage,
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (context, fn, thisArg, ...args) =>
      storage.run(context, () => fn.apply(thisArg as ThisParameterType<typeof fn>, args)),
    bind: (context, target) => {
      if (typeof target !== 'function') return target;
      const bound = function (this: unknown, ...args: unknown[]): unknown {
        return storage.run(context, () => (target as (...given: unknown[]) => unknown).apply(this, args));
      };
      return bound as typeof target;
    },
    enable: () => manager,
    disable: () => {
      storage.disable();
      return manager;
    },
  };
  return manager;
}

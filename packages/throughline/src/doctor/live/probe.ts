import type { Inspected, ProbedProcessor, ProbeOrders } from './report.ts';

type Unknown = Record<PropertyKey, unknown>;

interface Global {
  readonly version: string;
  trace?: { getTracer(name: string): TracerLike; getDelegate?(): unknown };
  propagation?: { fields(): string[]; inject(context: unknown, carrier: unknown, setter: unknown): void };
  context?: { active(): ContextLike; with<Result>(context: ContextLike, fn: () => Result): Result };
  diag?: unknown;
}

interface TracerLike {
  startSpan(name: string): { isRecording(): boolean; spanContext(): { traceId: string; traceFlags: number } };
}

interface ContextLike {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): ContextLike;
}

/**
 * Looks at what is registered with OpenTelemetry's api in this process, and writes it down. Runs as text in a process of the project's,
 * so that it uses nothing of this module but types. Starts spans and ends none: nothing is exported.
 */
export function probe(require: NodeJS.Require): void {
  const fs = process.getBuiltinModule('node:fs');
  const { createRequire } = process.getBuiltinModule('node:module');
  const vm = process.getBuiltinModule('node:vm');
  const path = process.getBuiltinModule('node:path');
  const orders = JSON.parse(process.env['THROUGHLINE_DOCTOR'] ?? '{}') as ProbeOrders;
  const fromProject = createRequire(path.join(orders.folder, 'package.json'));
  // As a module in the project's folder does: loader hooks tell a package by the name that is imported.
  const importFromProject = new vm.Script('(name) => import(name)', {
    filename: path.join(orders.folder, 'throughline-doctor.cjs'),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as (name: string) => Promise<unknown>;
  const write = (line: object): void => fs.appendFileSync(orders.report, `${JSON.stringify(line)}\n`);
  const registered = (): Global | undefined =>
    (globalThis as Unknown)[Symbol.for('opentelemetry.js.api.1')] as Global | undefined;
  const isObject = (value: unknown): value is Unknown => typeof value === 'object' && value !== null;
  const nameOf = (value: unknown): string =>
    isObject(value)
      ? // Bundlers number what they rename.
        ((value.constructor as { name?: string } | undefined)?.name ?? 'an object').replace(/\$\d+$/, '')
      : String(value);

  const attempt = <Result>(act: () => Result, otherwise: Result): Result => {
    try {
      return act();
    } catch {
      return otherwise;
    }
  };

  /** Exporters keep their URL some objects down, by one of these names. */
  const endpointIn = (value: unknown, depth = 0, seen = new Set<unknown>()): string | undefined => {
    if (!isObject(value) || depth > 7 || seen.has(value)) return undefined;
    seen.add(value);
    for (const key of ['url', '_url', 'endpoint', 'address', '_address']) {
      const found = value[key];
      if (typeof found === 'string' && found !== '') return found;
    }
    for (const key of Object.keys(value)) {
      const found = attempt(() => endpointIn(value[key], depth + 1, seen), undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const processorsOf = (provider: Unknown): Unknown[] | undefined => {
    const active = provider['_activeSpanProcessor'];
    if (active === undefined) return undefined;
    const inner = isObject(active) ? active['_spanProcessors'] : undefined;
    const all: unknown[] = Array.isArray(inner) ? inner : [active];
    return all.filter((one) => isObject(one));
  };

  const described = (processor: Unknown): ProbedProcessor => {
    const exporter = processor['_exporter'] ?? processor['exporter'];
    if (!isObject(exporter)) return { name: nameOf(processor) };
    const endpoint = endpointIn(exporter);
    return { name: nameOf(processor), exporter: nameOf(exporter), ...(endpoint === undefined ? {} : { endpoint }) };
  };

  const delegateOf = ({ trace }: Global): Unknown | undefined => {
    const delegate = attempt(() => trace?.getDelegate?.(), undefined) ?? trace;
    return isObject(delegate) ? delegate : undefined;
  };

  const watchFlushes = (api: Global): void => {
    const delegate = delegateOf(api);
    for (const processor of (delegate === undefined ? undefined : processorsOf(delegate)) ?? []) {
      for (const method of ['shutdown', 'forceFlush']) {
        const original = processor[method];
        if (typeof original !== 'function') continue;
        processor[method] = function (this: unknown, ...args: unknown[]): unknown {
          write({ kind: 'flushed', pid: process.pid });
          clearInterval(alive);
          return original.apply(this, args) as unknown;
        };
      }
    }
  };

  const traceOf = (tracer: TracerLike): string =>
    attempt(() => tracer.startSpan('throughline doctor').spanContext().traceId, '');
  const isId = (traceId: string): boolean => /^(?!0+$)[0-9a-f]{32}$/.test(traceId);

  const contextOf = async ({ context }: Global): Promise<Inspected['context']> => {
    if (context === undefined) return { isRegistered: false, survivesAwait: false };
    const key = Symbol('throughline doctor');
    const survivesAwait = await attempt(
      () =>
        context.with(context.active().setValue(key, true), async () => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return context.active().getValue(key) === true;
        }),
      Promise.resolve(false),
    );
    return { isRegistered: true, survivesAwait };
  };

  const injectedBy = (api: Global): string[] => {
    const names: string[] = [];
    const active = api.context?.active();
    const { propagation } = api;
    if (active === undefined || propagation === undefined) return names;
    const span = {
      spanContext: () => ({ traceId: 'f'.repeat(32), spanId: 'f'.repeat(16), traceFlags: 1 }),
      isRecording: () => true,
    };
    const entry = { value: '1' };
    const baggage = { getEntry: () => entry, getAllEntries: () => [['doctor', entry]] };
    const context = active
      .setValue(Symbol.for('OpenTelemetry Context Key SPAN'), span)
      .setValue(Symbol.for('OpenTelemetry Baggage Key'), baggage);
    attempt(
      () => propagation.inject(context, {}, { set: (_: unknown, name: string) => void names.push(name) }),
      undefined,
    );
    return names;
  };

  const providerOf = (api: Global): Pick<Inspected, 'provider'> => {
    const { trace } = api;
    const delegate = delegateOf(api);
    if (trace === undefined || delegate === undefined) return {};
    const processors = processorsOf(delegate);
    const started = 20;
    let recorded = 0;
    for (let one = 0; one < started; one++)
      if (attempt(() => trace.getTracer('throughline doctor').startSpan('throughline doctor').isRecording(), false))
        recorded++;
    return {
      provider: {
        name: nameOf(delegate),
        recorded,
        started,
        ...(processors === undefined ? {} : { processors: processors.map(described) }),
      },
    };
  };

  const copiesOf = (api: Global): Inspected['copies'] => {
    if (!isId(attempt(() => traceOf((api.trace as NonNullable<Global['trace']>).getTracer('throughline doctor')), '')))
      return [];
    return Object.entries(orders.copies).map(([place, folder]) => ({
      place,
      reaches: attempt(
        () =>
          isId(
            traceOf(
              (require(folder) as { trace: { getTracer(name: string): TracerLike } }).trace.getTracer(
                'throughline doctor',
              ),
            ),
          ),
        false,
      ),
    }));
  };

  const isWrapped = (module: string, ...names: string[]): boolean =>
    attempt(() => {
      let found: unknown = require(module);
      for (const name of names) found = (found as Unknown)[name];
      // What shimmer leaves on a function that it wraps.
      return (found as Unknown)['__wrapped'] === true;
    }, false);

  const patchedModules = (): string[] => {
    const { hasSubscribers } = process.getBuiltinModule('node:diagnostics_channel');
    const candidates: [string, boolean][] = [
      ['http (incoming)', isWrapped('node:http', 'Server', 'prototype', 'emit')],
      ['http (outgoing)', isWrapped('node:http', 'request')],
      ['undici', hasSubscribers('undici:request:create')],
      ['net', isWrapped('node:net', 'Socket', 'prototype', 'connect')],
      ['dns', isWrapped('node:dns', 'lookup')],
    ];
    return candidates.flatMap(([name, is]) => (is ? [name] : []));
  };

  /** Instrumentations tell the api's logger what they patch. */
  const librariesOf = async (api: Global): Promise<Inspected['libraries']> => {
    const patched = new Set<string>();
    const before = api.diag;
    const quiet = (): void => {};
    const debug = (...args: unknown[]): void => {
      const told = args.find((one) => isObject(one) && typeof one['module'] === 'string');
      if (args.some((one) => String(one).startsWith('Applying instrumentation patch for module on')) && isObject(told))
        patched.add(String(told['module']));
    };
    api.diag = { error: quiet, warn: quiet, info: quiet, verbose: quiet, debug };
    const libraries: { name: string; isPatched: boolean }[] = [];
    for (const name of orders.libraries) {
      const file = attempt(() => fromProject.resolve(name), '');
      // What the set-up has loaded itself cannot be told of.
      if (file === '' || require.cache[file] !== undefined) continue;
      try {
        if (orders.isEsm) await importFromProject(name);
        else fromProject(name);
        const isPatched = patched.has(name);
        // An import that no hook saw: `require` tells whether there is an instrumentation at all.
        if (!isPatched && orders.isEsm) fromProject(name);
        if (patched.has(name)) libraries.push({ name, isPatched });
      } catch {
        // A library that cannot be loaded here is not judged.
      }
    }
    api.diag = before;
    return libraries;
  };

  let isDone = false;
  const alive = setInterval(() => {}, 1000);
  if (!orders.stays) alive.unref();

  const inspect = async (isEnding: boolean): Promise<void> => {
    if (isDone) return;
    isDone = true;
    const api = registered();
    const base = { kind: 'inspected', pid: process.pid, isEnding } as const;
    if (api === undefined) {
      write({
        ...base,
        fields: [],
        injected: [],
        context: { isRegistered: false, survivesAwait: false },
        copies: [],
        patchedModules: [],
        libraries: [],
      });
    } else {
      // Before anything else: the process may be about to end.
      watchFlushes(api);
      const context = await contextOf(api);
      const libraries = await librariesOf(api);
      const found: Inspected = {
        ...base,
        api: api.version,
        fields: attempt(() => api.propagation?.fields() ?? [], []),
        injected: injectedBy(api),
        context,
        ...providerOf(api),
        copies: copiesOf(api),
        patchedModules: patchedModules(),
        libraries,
      };
      write(found);
    }
  };

  const began = Date.now();
  const timer = setInterval(() => {
    if (registered()?.trace === undefined && Date.now() - began < orders.waitMs) return;
    clearInterval(timer);
    void inspect(false);
  }, 50);
  if (!orders.isMain) {
    timer.unref();
    process.once('beforeExit', () => void inspect(true));
  }
}

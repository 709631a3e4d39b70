import { ThroughlineError } from '@throughline/core';
import { hopSettings, markWrapped, replacing, viewOf, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { urlRedaction } from '@throughline/core/http';
import type { HttpOptions } from '@throughline/core/http';
import { scope } from '../http-client-span.ts';
import { isTracedAdapter, tracedAdapter } from './axios-adapter.ts';
import type { Adapter, AxiosConfig, AxiosTracing, Sender } from './axios-adapter.ts';

/** axios, or an instance of it. */
export interface AxiosLike {
  request(...args: never[]): unknown;
}

type Method = (...args: unknown[]) => unknown;

/** An instance, as far as it is looked at. */
interface Instance {
  readonly defaults?: { readonly adapter?: unknown } | undefined;
  readonly interceptors: {
    readonly request: { use(fulfilled: (config: object) => object, rejected: undefined, options: object): unknown };
  };
  request(config: object): Promise<unknown>;
  getUri?(config: object): string;
  create?(config?: object): Instance;
  getAdapter?(adapter: unknown, config: object): Adapter;
}

// At which place each takes its config. https://axios-http.com/docs/api_intro
const methods: Readonly<Record<string, (args: readonly unknown[]) => number>> = {
  request: ([first]) => (typeof first === 'string' ? 1 : 0),
  ...Object.fromEntries(['get', 'delete', 'head', 'options'].map((name) => [name, () => 1])),
  ...Object.fromEntries(
    ['post', 'put', 'patch', 'query', 'postForm', 'putForm', 'patchForm'].map((name) => [name, () => 2]),
  ),
};

/**
 * Returns an instance of axios of the same type that sends trace context and makes a CLIENT span of each request, which ends when the
 * response's headers are there. Interceptors and defaults are those of the instance that is handed in, which stays as it is; what
 * `create` returns is traced too. Works with each adapter, and with one of your own. Redirects that axios follows in Node, and a config
 * that is sent again, are spans of their own beside each other, with `http.request.resend_count`. A call past a limit of its chain, under
 * `lineage: { mode: 'enforce' }`, is rejected with a `LineageError`; a deadline of the chain aborts it. A call that is cancelled or
 * aborted is no error. Throws a `ThroughlineError` for a wrong option.
 *
 * Span name and attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
 *
 * @example
 * ```ts
 * const client = traceAxios(axios.create({ baseURL: 'http://planner.internal' }));
 * const { data } = await client.post('/plan', { question });
 * ```
 */
export function traceAxios<A extends AxiosLike>(axios: A, options?: HttpOptions): A {
  const settings = hopSettings(options, scope, ['redactQueryKeys']);
  const tracing: AxiosTracing = { settings, redact: urlRedaction(options?.redactQueryKeys) };
  const isObject = (typeof axios === 'object' && axios !== null) || typeof axios === 'function';
  if (!isObject || typeof axios.request !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "traceAxios(axios, options) takes axios, or an instance that `axios.create` returned: traceAxios(axios), after `import axios from 'axios'`.",
    );
  }
  if (wrapped(axios)) {
    warnIfRewrapped(axios, settings);
    return axios;
  }
  return traceInstance(axios, tracing, (axios as unknown as Instance).getAdapter);
}

function traceInstance<A extends object>(axios: A, tracing: AxiosTracing, getAdapter: Instance['getAdapter']): A {
  const target = axios as unknown as Instance;
  const { send, uri } = bareInstance(target);
  const resolve = (own: unknown, config: AxiosConfig): Sender => {
    const adapter = own ?? target.defaults?.adapter;
    if (typeof adapter === 'function') return { send: adapter as Adapter };
    if (getAdapter !== undefined) return { send: getAdapter(adapter ?? ['xhr', 'http', 'fetch'], config) };
    return { send, replaced: { adapter, transformRequest: undefined, transformResponse: undefined } };
  };
  const call = (method: Method, at: number, args: unknown[]): unknown => {
    const config: unknown = args[at] ?? {};
    if (typeof config !== 'object' || config === null) return Reflect.apply(method, target, args);
    const { adapter } = config as AxiosConfig;
    // A config that axios gave out, in an error, and that is sent again.
    if (isTracedAdapter(adapter)) return Reflect.apply(method, target, args);
    const traced = [...args];
    while (traced.length < at) traced.push(undefined);
    traced[at] = { ...config, adapter: tracedAdapter((asked) => resolve(adapter, asked), uri, tracing) };
    return Reflect.apply(method, target, traced);
  };
  const members: Record<string, unknown> = {};
  for (const [name, placeOf] of Object.entries(methods)) {
    const method = (target as unknown as Record<string, unknown>)[name];
    if (typeof method === 'function')
      members[name] = (...args: unknown[]) => call(method as Method, placeOf(args), args);
  }
  if (typeof target.create === 'function') {
    members['create'] = (config?: object) =>
      traceInstance((target as Required<Instance>).create(config), tracing, getAdapter);
  }
  if (typeof axios !== 'function') return viewOf(axios, replacing(members), tracing.settings, Object.keys(members));
  const traced = (...args: unknown[]): unknown => call(axios, methods['request']?.(args) ?? 0, args);
  // What axios exports is itself once more, for who cannot import a default.
  if ((axios as { default?: unknown }).default === axios) members['default'] = traced;
  Object.setPrototypeOf(traced, Object.getPrototypeOf(axios) as object);
  Object.defineProperties(traced, {
    ...Object.getOwnPropertyDescriptors<object>(axios),
    ...Object.getOwnPropertyDescriptors(members),
  });
  return markWrapped(traced, tracing.settings) as unknown as A;
}

/** What axios does with a config that is complete: nothing is added to it. */
interface Bare {
  /** Calls the adapter that a config names. */
  send: Adapter;
  /** Returns the URL that a config asks for. */
  uri(config: AxiosConfig): string | undefined;
}

/**
 * Returns what an instance does that has no defaults. Which adapter a name stands for axios says from 1.5 on, and then only where it is
 * exported. An interceptor puts the config in place: to merge one takes longer than all else that is done here.
 */
function bareInstance(target: Instance): Bare {
  let made: Instance | undefined;
  const make = (): Instance => {
    const { create, constructor } = target as Instance & { constructor: new (config: object) => Instance };
    const instance = typeof create === 'function' ? create() : new constructor({});
    for (const key of Object.keys(instance.defaults ?? {})) Reflect.deleteProperty(instance.defaults as object, key);
    const complete = (asked: object): object => (asked as { complete(): object }).complete();
    instance.interceptors.request.use(complete, undefined, { synchronous: true });
    return instance;
  };
  return {
    send: (config) => (made ??= make()).request({ complete: () => config }),
    uri({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls }) {
      // A class of the user's is not made anew for this alone.
      const instance = typeof target.create === 'function' ? (made ??= make()) : target;
      return instance.getUri?.({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls });
    },
  };
}

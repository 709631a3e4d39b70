import { checkFunction, checkKnown, checkMilliseconds, checkObject, optionError } from '@throughline/core/adapter';
import { activeFields } from './active-span.ts';
import type { SentFields } from './active-span.ts';
import { pageTrace, serverTrace } from './page-trace.ts';
import type { ServerTrace } from './page-trace.ts';

/** A function with the call shape of `fetch`. */
export type FetchLike = (...args: never[]) => Promise<unknown>;

/** Options of {@link traceFetch}. */
export interface BrowserOptions {
  /**
   * Origins beside the page's own that get trace context: `'https://api.example.com'`, or `'https://*.example.com'` for those below a
   * name. They have to allow it: `Access-Control-Allow-Headers: traceparent, tracestate`. Default: none.
   */
  readonly firstParty?: readonly string[] | undefined;
  /** `true`: the call goes out as it is, for a path that redirects to somebody else. */
  readonly ignore?: ((url: URL) => boolean) | undefined;
  /** Told the server's span that answered a call, where the server says it. */
  readonly onTrace?: ((trace: ServerTrace, url: URL) => void) | undefined;
  /** How long after the page was made a call still belongs to its trace, in milliseconds. Default: half an hour. */
  readonly maxPageAge?: number | undefined;
}

const OPTIONS: Readonly<Record<keyof BrowserOptions, true>> = {
  firstParty: true,
  ignore: true,
  onTrace: true,
  maxPageAge: true,
};

const HALF_AN_HOUR = 1_800_000;

type Call = (input: unknown, init?: RequestInit, ...rest: unknown[]) => Promise<unknown>;

/**
 * Returns a function of the same type that sends `traceparent` with calls to the page's own origin and to those of `firstParty`, and nothing
 * to anybody else. It is that of a span that exists: of the one that is active, where there is an OpenTelemetry SDK; else of the server's
 * span that made the page (see `pageTrace`); with neither the call goes out as it is, and the server starts the trace. Wraps the global
 * fetch by default. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const fetch = traceFetch(undefined, { firstParty: ['https://api.example.com'] });
 * ```
 */
export function traceFetch(fetch?: undefined, options?: BrowserOptions): typeof globalThis.fetch;
export function traceFetch<F extends FetchLike>(fetch: F | undefined, options?: BrowserOptions): F;
export function traceFetch(given?: FetchLike, options: BrowserOptions = {}): FetchLike {
  checkFunction('fetch', given, 'a function; undefined for the global one');
  checkObject('options', options, "an object, such as { firstParty: ['https://api.example.com'] }");
  checkKnown(options, Object.keys(OPTIONS), 'options');
  const { ignore, onTrace, maxPageAge = HALF_AN_HOUR } = options;
  checkFunction('ignore', ignore, 'a function of the URL');
  checkFunction('onTrace', onTrace, "a function of the server's span and the URL");
  checkMilliseconds('maxPageAge', maxPageAge, '60_000');
  const isOurs = originRule(options.firstParty ?? []);
  const first = globalThis.fetch as unknown as Call;
  // Set while the global fetch starts: it may have become this function, or a patch that calls it.
  let entered = false;
  let page: ServerTrace | undefined;

  function pageFields(): SentFields | undefined {
    if (performance.now() > maxPageAge) return undefined;
    // What the server says of the page may come later than the first call.
    page ??= pageTrace();
    return page;
  }

  function traced(this: unknown, input: unknown, init?: RequestInit, ...rest: unknown[]): Promise<unknown> {
    if (entered) return first(input, init, ...rest);
    const fetch = (given ?? globalThis.fetch) as unknown as Call;
    const self = given === undefined ? undefined : this;
    let url: URL | undefined;
    let sent = init;
    try {
      url = urlOf(input);
      if (!isOurs(url) || ignore?.(url) === true) url = undefined;
      else sent = withFields(input, init, activeFields() ?? pageFields());
    } catch {
      // What cannot be read, fetch itself reports.
    }
    const to = url;
    const args = sent === undefined && rest.length === 0 ? [input] : [input, sent, ...rest];
    entered = given === undefined;
    let answered: Promise<unknown>;
    try {
      answered = Reflect.apply(fetch === traced ? first : fetch, self, args) as Promise<unknown>;
    } finally {
      entered = false;
    }
    return onTrace === undefined || to === undefined ? answered : answered.then((answer) => tell(answer, to, onTrace));
  }

  return Object.assign(traced, given);
}

function tell<T>(answer: T, url: URL, onTrace: NonNullable<BrowserOptions['onTrace']>): T {
  try {
    const trace = serverTrace(answer as Response);
    if (trace === undefined) return answer;
    const told: unknown = onTrace(trace, url);
    Promise.resolve(told).catch(() => {});
  } catch {
    // Nothing of telemetry reaches the page.
  }
  return answer;
}

function urlOf(input: unknown): URL {
  const { url } = Object(input) as { url?: unknown };
  return new URL(typeof url === 'string' ? url : String(input), pageUrl());
}

function pageUrl(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return document?.baseURI ?? location?.href;
}

/** Returns an `init` with the fields, or the one that is there, where nothing is to be sent or the caller has sent it. */
function withFields(
  input: unknown,
  init: RequestInit | undefined,
  fields: SentFields | undefined,
): RequestInit | undefined {
  const asked = (typeof input === 'object' && input !== null ? input : {}) as Partial<Request>;
  // Without CORS a browser takes unknown headers away.
  if (fields === undefined || (init?.mode ?? asked.mode) === 'no-cors') return init;
  const headers = new Headers(init?.headers ?? asked.headers);
  // Not the `init` that is there, whose headers may be an iterator that is used up.
  if (headers.has('traceparent')) return init && { ...membersOf(init, asked), headers };
  headers.set('traceparent', fields.traceparent);
  headers.delete('tracestate');
  if (fields.tracestate) headers.set('tracestate', fields.tracestate);
  return { ...membersOf(init ?? {}, asked), headers };
}

const MEMBERS = [
  'body',
  'cache',
  'credentials',
  'duplex',
  'integrity',
  'keepalive',
  'method',
  'mode',
  'priority',
  'redirect',
  'referrer',
  'referrerPolicy',
  'signal',
] as const;

/** Returns a copy of an `init`, which may be a Request or another object with getters: a spread would miss what it inherits. */
function membersOf(init: RequestInit, { referrer, referrerPolicy }: Partial<Request>): RequestInit {
  const copy: Record<string, unknown> = { ...init };
  for (const name of MEMBERS) {
    const value = (init as Record<string, unknown>)[name];
    if (value !== undefined) copy[name] = value;
  }
  // An `init` with any member at all makes fetch forget these two of a Request's.
  if (referrer === undefined || referrerPolicy === undefined || Object.keys(copy).length > 0) return copy;
  return { referrer, referrerPolicy };
}

/** Returns whether a URL is of the page's own origin, or of one that is named. */
function originRule(named: readonly string[]): (url: URL) => boolean {
  const origins = new Set<string>();
  const below: (readonly [protocol: string, suffix: string, port: string])[] = [];
  const takes = "origins, such as ['https://api.example.com', 'https://*.example.com']";
  const list: unknown = named;
  if (!Array.isArray(list)) throw optionError('firstParty', takes, list);
  for (const name of named) {
    const isPattern = typeof name === 'string' && name.includes('//*.');
    let url: URL;
    try {
      url = new URL(isPattern ? name.replace('//*.', '//') : name);
      if (url.origin === 'null' || url.pathname !== '/' || url.hostname.includes('*')) throw new TypeError();
    } catch {
      throw optionError('firstParty', takes, name);
    }
    if (isPattern) below.push([url.protocol, `.${url.hostname}`, url.port]);
    else origins.add(url.origin);
  }
  return ({ origin, protocol, hostname, port }) => {
    const own = (globalThis as { location?: { origin?: string } }).location?.origin;
    return (
      (origin !== 'null' && origin === own) ||
      origins.has(origin) ||
      below.some(([scheme, suffix, at]) => scheme === protocol && at === port && hostname.endsWith(suffix))
    );
  };
}

import { rereadable } from './request-headers.ts';

/** What a call of fetch asks for, read once from whatever form its arguments have. */
export interface FetchCall {
  readonly method: string;
  /** `undefined` where the input is no URL; fetch itself says so. */
  readonly url: URL | undefined;
  /** The headers that the request will have: those of `init` replace a Request's, as in fetch itself. */
  readonly headers: unknown;
  /** The caller's own signal: that of `init`, which `null` takes away, else the Request's. */
  readonly signal: unknown;
  /** The `init` of the call where nothing is to be written: the very same, unless reading its headers used them up. */
  readonly unchanged: unknown;
  /** Returns a copy of `init` in which `headers` stands, and which `signal` aborts too. */
  init(headers: unknown, signal?: AbortSignal): object;
}

/**
 * Returns what `fetch(input, init)` asks for. Throws what a getter of the arguments throws; changes nothing of them.
 * https://fetch.spec.whatwg.org/#dom-request
 */
export function fetchCall(input: unknown, init: unknown): FetchCall {
  const given = isObject(init) ? init : undefined;
  const request = isRequest(input) ? input : undefined;
  const method = given?.['method'] ?? request?.method ?? 'GET';
  const written = given?.['headers'];
  const offered = written === undefined ? request?.headers : written;
  const headers = rereadable(offered);
  const asked = given?.['signal'];
  const own = asked === undefined ? request?.signal : asked;
  const copy = (headers: unknown, signal?: AbortSignal): object => {
    const members = given === undefined ? fromRequest(request) : membersOf(given, request);
    if (signal === undefined) return { ...members, headers };
    // A signal in `init` replaces the Request's.
    return { ...members, headers, signal: own instanceof AbortSignal ? AbortSignal.any([own, signal]) : signal };
  };
  return {
    method: typeof method === 'string' ? method : '_OTHER',
    url: urlOf(input, request),
    headers,
    signal: own,
    unchanged: headers === offered ? init : copy(headers),
    init: copy,
  };
}

function urlOf(input: unknown, request: RequestLike | undefined): URL | undefined {
  if (input instanceof URL) return input;
  try {
    // A path alone is relative to the page, where there is one.
    return new URL(request?.url ?? String(input), typeof location === 'undefined' ? undefined : location.href);
  } catch {
    return undefined;
  }
}

interface RequestLike {
  readonly url: string;
  readonly method: string;
  readonly headers: unknown;
  readonly referrer?: unknown;
  readonly referrerPolicy?: unknown;
  readonly signal?: unknown;
}

// By its members: the Request of another implementation is one too.
function isRequest(input: unknown): input is RequestLike {
  if (!isObject(input) || input instanceof URL) return false;
  return typeof input['url'] === 'string' && typeof input['method'] === 'string' && isObject(input['headers']);
}

// An `init` with any member at all makes fetch forget these two of a Request's.
function fromRequest(request: RequestLike | undefined): object {
  return request === undefined ? {} : { referrer: request.referrer, referrerPolicy: request.referrerPolicy };
}

const requestInit = [
  'body',
  'cache',
  'credentials',
  'dispatcher',
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
  'window',
];

function membersOf(init: Record<string, unknown>, request: RequestLike | undefined): object {
  const copy = { ...init };
  const prototype: unknown = Object.getPrototypeOf(init);
  if (prototype === Object.prototype || prototype === null) {
    return request === undefined || Object.keys(copy).length > 0 ? copy : fromRequest(request);
  }
  // A Request, or another object with getters, may stand for `init`: a spread would miss what it inherits.
  for (const name of requestInit) {
    const value = init[name];
    if (value !== undefined) copy[name] = value;
  }
  return copy;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

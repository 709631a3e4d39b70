import { context as contextApi, createContextKey, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, errorType, httpHeaders, recordException, startInbound } from '@throughline/core/adapter';
import type { HopSettings, Received } from '@throughline/core/adapter';
import type { HopOptions, Refused } from '@throughline/core';
import {
  isAbortBy,
  isTold,
  keptOutOf,
  methodName,
  requestAttributes,
  routeOf,
  separate,
  serverOutcome,
  serverTimingOf,
} from '@throughline/core/http';
import type { UrlRedaction } from '@throughline/core/http';
import { arrivalOf } from './connection.ts';
import type { Arrived } from './connection.ts';

/** The hop of one request, from its arrival to the end of its answer's body. */
export interface RequestHop {
  readonly request: Request;
  readonly received: Received;
  /** Where the request is handled, and its answer's body read. */
  readonly context: Context;
  /** The options of whoever came first. */
  readonly options: HopOptions;
  /** Says the route as the request ends. */
  readonly route: (() => string | undefined) | undefined;
  /** Says which route a router below has entered last, and the object by which that handles the request. */
  matched: (() => { readonly pattern: string | undefined; readonly mount: string | undefined } | undefined) | undefined;
  by: object | undefined;
  /** The error that the application met, for an answer of 5xx. */
  error: unknown;
  /** The status of the answer, once there is one. */
  status: number | undefined;
  readonly arrived: Arrived;
  ended: boolean;
  /** Stops looking for whoever asked to go away. */
  unwatch: (() => void) | undefined;
}

/** How to open the hop of a request. */
export interface Opening {
  readonly request: Request;
  /** The argument beside the request: see `arrivalOf`. */
  readonly beside: unknown;
  readonly settings: HopSettings;
  readonly redact: UrlRedaction;
  /** `undefined` where no option says the route. */
  readonly route: (() => string | undefined) | undefined;
  /** What `peer.request` is. */
  readonly asked: object;
}

// By the request, for programs without a context manager; in the context, for copies of the request that a router makes.
const hops = new WeakMap<object, RequestHop>();
const hopKey = createContextKey('throughline.web.hop');

/** Returns the hop that is open for a request. */
export function hopOf(request: Request, beside: unknown): RequestHop | undefined {
  const known = hops.get(arrivalOf(request, beside).key) ?? hops.get(request);
  if (known !== undefined) return known.ended ? undefined : known;
  const around = contextApi.active().getValue(hopKey) as RequestHop | undefined;
  return around !== undefined && !around.ended && isCopy(request, around.request) ? around : undefined;
}

/** Whether a request is the same one, as a router hands it to what is mounted in it: the start of its path may be cut off. */
function isCopy(copy: Request, of: Request): boolean {
  if (copy.method !== of.method) return false;
  const [path, query] = targetOf(copy);
  const [whole, wholeQuery] = targetOf(of);
  if (query !== wholeQuery || !(path === '/' || whole.endsWith(path))) return false;
  const headers = [...copy.headers];
  return headers.length === [...of.headers].length && headers.every(([name, value]) => of.headers.get(name) === value);
}

function targetOf({ url }: Request): [path: string, query: string] {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const query = url.indexOf('?');
  const end = query === -1 ? url.length : query;
  return [url.slice(start, end), url.slice(end)];
}

/** Opens the hop of a request. */
export function openHop({ request, beside, settings, redact, route, asked }: Opening): RequestHop | Refused {
  const arrived = arrivalOf(request, beside);
  const { headers, url } = request;
  const { address } = arrived;
  const received = startInbound(
    {
      transport: 'http',
      name: methodName(request.method),
      kind: SpanKind.SERVER,
      attributes: requestAttributes(
        {
          method: request.method,
          url: arrived.target ?? url,
          scheme: url.slice(0, Math.max(0, url.indexOf(':'))),
          protocolVersion: arrived.protocolVersion,
          host: headers.get('host') ?? authorityOf(url),
          peerAddress: address,
          peerPort: arrived.port,
          clientAddress: address,
          userAgent: headers.get('user-agent') ?? undefined,
        },
        redact,
      ),
      carrier: headers,
      reader: httpHeaders,
      http: 'request',
      request: arrived.key,
      peer: settings.asksPeer ? () => ({ name: route?.(), address, request: asked }) : undefined,
    },
    settings,
  );
  if (received.refused !== undefined) return received;
  const keptOut = keptOutOf(received);
  const hop: RequestHop = {
    request,
    received,
    context: keptOut === undefined ? received.context : separate(received.context, keptOut),
    options: settings.options,
    route,
    matched: undefined,
    by: undefined,
    error: undefined,
    status: undefined,
    arrived,
    ended: false,
    unwatch: undefined,
  };
  (hop as { context: Context }).context = hop.context.setValue(hopKey, hop);
  hops.set(arrived.key, hop);
  if (arrived.key !== request) hops.set(request, hop);
  watch(hop);
  return hop;
}

function authorityOf(url: string): string {
  const start = url.indexOf('://') + 3;
  const end = url.indexOf('/', start);
  return url.slice(start, end === -1 ? url.length : end);
}

/** Ends the hop when whoever asked goes away, also while the handler is at work. */
function watch(hop: RequestHop): void {
  const { outgoing } = hop.arrived;
  if (outgoing !== undefined) {
    const closed = (): void => endHop(hop, { aborted: outgoing.writableFinished !== true });
    if (outgoing.closed === true) return closed();
    outgoing.once('close', closed);
    hop.unwatch = () => void outgoing.removeListener('close', closed);
    return;
  }
  const signal = signalOf(hop.request);
  if (signal === undefined) return;
  const aborted = (): void => endHop(hop, { aborted: true });
  if (signal.aborted) return aborted();
  signal.addEventListener('abort', aborted, { once: true });
  hop.unwatch = () => signal.removeEventListener('abort', aborted);
}

function signalOf(request: Request): AbortSignal | undefined {
  try {
    return request.signal;
  } catch {
    return undefined;
  }
}

/** Returns the headers of the answer that tell the caller of the hop. */
export function answerHeaders(
  hop: RequestHop,
  serverTiming: boolean,
  settings: HopSettings,
): readonly (readonly [name: string, value: string])[] {
  const told: [string, string][] = [];
  if (hop.received.answer !== undefined) told.push([answerField, hop.received.answer]);
  const timing = serverTiming ? serverTimingOf(hop.received, settings) : undefined;
  if (timing !== undefined) told.push(['Server-Timing', timing]);
  return told;
}

/** How the answer ended. */
export interface Ending {
  /** Whoever asked went away before it was whole. */
  readonly aborted?: boolean;
  /** The body failed by this. */
  readonly brokenBy?: unknown;
}

/** Ends the hop of a request that was answered, or whose caller has gone. Idempotent. */
export function endHop(hop: RequestHop, { aborted = false, brokenBy }: Ending = {}): void {
  if (!close(hop)) return;
  const { received, request, status, error } = hop;
  if (!isTold(received)) return received.end();
  const isFailure = error !== undefined && status !== undefined && status >= 500;
  if (isFailure) received.describe((span) => recordException(span, error));
  received.end(
    serverOutcome(received, {
      method: methodName(request.method),
      route: routeOf(hop.route, () => hop.matched?.()?.pattern),
      status,
      aborted,
      errorType: isFailure ? errorType(error) : undefined,
      brokenBy,
    }),
  );
}

/** Ends the hop of an answer whose body failed: which is no error of ours where it fails because nobody wants it any more. */
export function breakHop(hop: RequestHop, error: unknown): void {
  endHop(hop, { aborted: true, brokenBy: isGone(hop, error) ? undefined : error });
}

function isGone({ arrived: { outgoing }, request }: RequestHop, error: unknown): boolean {
  return outgoing === undefined ? isAbortBy(signalOf(request), error) : outgoing.closed === true;
}

/** Ends the hop of a request whose handler threw: what is answered is the server's affair. */
export function failHop(hop: RequestHop, error: unknown): void {
  const status = statusThrown(error);
  if (status !== undefined) {
    hop.status = status;
    return endHop(hop);
  }
  if (isGone(hop, error)) return endHop(hop, { aborted: true });
  if (!close(hop)) return;
  const outcome = serverOutcome(hop.received, {
    method: methodName(hop.request.method),
    route: routeOf(hop.route, () => hop.matched?.()?.pattern),
    aborted: false,
  });
  hop.received.end({ ...outcome, failed: true, error });
}

function close(hop: RequestHop): boolean {
  if (hop.ended) return false;
  hop.ended = true;
  hop.unwatch?.();
  hop.unwatch = undefined;
  return true;
}

// Next.js answers by throwing: `redirect()`, `notFound()`, `forbidden()` are no errors.
function statusThrown(error: unknown): number | undefined {
  const digest: unknown = (error as { digest?: unknown } | null | undefined)?.digest;
  if (typeof digest !== 'string' || !digest.startsWith('NEXT_')) return undefined;
  if (digest === 'NEXT_NOT_FOUND') return 404;
  const parts = digest.split(';');
  const status = Number(
    parts[0] === 'NEXT_REDIRECT' ? parts.at(-2) : parts[0] === 'NEXT_HTTP_ERROR_FALLBACK' ? parts[1] : undefined,
  );
  return Number.isInteger(status) ? status : undefined;
}

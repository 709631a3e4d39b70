import { context as contextApi, createContextKey, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, attachments, errorType, recordException, startInbound } from '@throughline/core/adapter';
import type { HopSettings, Received } from '@throughline/core/adapter';
import type { HopOptions, Refused } from '@throughline/core';
import {
  isAbortBy,
  isCutShort,
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
import type { Arrived, OutgoingLike } from './connection.ts';
import { isCopy, isHandedOn } from './handed-on.ts';
import { ownHeaders } from './own-headers.ts';

/** The hop of one request, from its arrival to the end of its answer's body. Once it has `ended` the request is gone: see `letGo`. */
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
  /** The request as the router that was entered last has it, and what that takes off the path, where it has gone into a mount or middleware. */
  within: { readonly request: Request; readonly mount: () => string | undefined } | undefined;
  /** The error that the application met, for an answer of 5xx. */
  error: unknown;
  /** The status of the answer, once there is one. */
  status: number | undefined;
  readonly arrived: Arrived;
  /** The argument beside the request. */
  readonly beside: unknown;
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
const hops = attachments<RequestHop>();
const hopKey = createContextKey('throughline.web.hop');

/** Returns the hop that is open for a request. */
export function hopOf(request: Request, beside: unknown): RequestHop | undefined {
  const known = hops.get(request);
  if (known !== undefined) return isOpen(known) ? known : undefined;
  const arrived = hops.get(arrivalOf(request, beside).key);
  if (isOpen(arrived) && isHandedOn(request, beside, arrived)) return arrived;
  const around = contextApi.active().getValue(hopKey) as RequestHop | undefined;
  return isOpen(around) && isCopy(request, around.request) && isHandedOn(request, beside, around) ? around : undefined;
}

function isOpen(hop: RequestHop | undefined): hop is RequestHop {
  return hop?.ended === false;
}

/** Opens the hop of a request. */
export function openHop({ request, beside, settings, redact, route, asked }: Opening): RequestHop | Refused {
  let arrived = arrivalOf(request, beside);
  // A request of the program's own, with what lies beside the one that came over the connection: it is none of that.
  if (isOpen(hops.get(arrived.key))) arrived = { key: request };
  const { url } = request;
  const headers = ownHeaders(request, arrived.key);
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
          userAgent: headers.get('user-agent'),
        },
        redact,
      ),
      carrier: headers.carrier,
      reader: headers.reader,
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
    within: undefined,
    error: undefined,
    status: undefined,
    arrived,
    beside,
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
    const closed = (): void => endHop(hop, { aborted: outgoing.writableFinished !== true || isCutShort(outgoing) });
    if (isClosed(outgoing)) return closed();
    // It stays: to take it away costs more than to hear of a hop that has ended.
    outgoing.on('close', closed);
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
  const { received, request, status, error, route, matched } = hop;
  letGo(hop);
  if (!isTold(received)) return received.end();
  const isFailure = error !== undefined && status !== undefined && status >= 500;
  if (isFailure) received.describe((span) => recordException(span, error));
  received.end(
    serverOutcome(received, {
      method: methodName(request.method),
      route: routeOf(route, () => matched?.()?.pattern),
      status,
      aborted,
      errorType: isFailure ? errorType(error) : undefined,
      brokenBy,
    }),
  );
}

/** Ends the hop of an answer whose body failed: which is no error of ours where it fails because nobody wants it any more. */
export function breakHop(hop: RequestHop, error: unknown): void {
  if (hop.ended) return;
  endHop(hop, { aborted: true, brokenBy: isGone(hop, error) ? undefined : error });
}

function isGone({ arrived: { outgoing }, request }: RequestHop, error: unknown): boolean {
  return outgoing === undefined ? isAbortBy(signalOf(request), error) : isClosed(outgoing);
}

function isClosed({ closed, stream }: OutgoingLike): boolean {
  return closed ?? stream?.closed === true;
}

/** Ends the hop of a request whose handler threw: what is answered is the server's affair. */
export function failHop(hop: RequestHop, error: unknown): void {
  const status = statusThrown(error);
  if (status !== undefined) {
    hop.status = status;
    return endHop(hop);
  }
  if (hop.ended) return;
  if (isGone(hop, error)) return endHop(hop, { aborted: true });
  if (!close(hop)) return;
  const { received, request, route, matched } = hop;
  letGo(hop);
  const outcome = serverOutcome(received, {
    method: methodName(request.method),
    route: routeOf(route, () => matched?.()?.pattern),
    aborted: false,
  });
  received.end({ ...outcome, failed: true, error });
}

function close(hop: RequestHop): boolean {
  if (hop.ended) return false;
  hop.ended = true;
  hop.unwatch?.();
  hop.unwatch = undefined;
  return true;
}

/**
 * Forgets the request of a hop that has ended. Its context is kept by whatever was begun in it, such as a connection of a pool, and would
 * keep all of the request.
 */
function letGo(hop: RequestHop): void {
  Object.assign(hop, GONE);
}

const GONE: { readonly [K in keyof RequestHop]?: undefined } = Object.freeze({
  request: undefined,
  route: undefined,
  matched: undefined,
  by: undefined,
  within: undefined,
  error: undefined,
  arrived: undefined,
  beside: undefined,
});

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

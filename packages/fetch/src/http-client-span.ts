import { errorType, printable } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ABORTED,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
} from './conventions.ts';
import { version } from './version.ts';

/** The instrumentation scope of this package's spans. */
export const scope: { readonly name: string; readonly version: string } = { name: '@throughline/fetch', version };

// RFC 9110, PATCH (RFC 5789) and QUERY; anything else is `_OTHER`, so that an attacker cannot make span names.
const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'QUERY',
]);
// The methods that fetch puts in upper case. https://fetch.spec.whatwg.org/#concept-method-normalize
const normalizedMethods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']);

const MAX_METHOD = 64;

/** Returns the span's name for a method as it goes on the wire: `{method}`, or `HTTP` for an unknown one. */
export function spanName(method: string): string {
  return knownMethod(method) ?? 'HTTP';
}

/**
 * Returns the attributes of an HTTP CLIENT span at its start, by the stable conventions. `url` gives the server; `full` is
 * `url.full`, redacted.
 */
export function clientAttributes(method: string, url: URL | undefined, full: string | undefined): Attributes {
  const known = knownMethod(method);
  const attributes: Attributes = { [ATTR_HTTP_REQUEST_METHOD]: known ?? '_OTHER' };
  if (known !== method) attributes[ATTR_HTTP_REQUEST_METHOD_ORIGINAL] = printable(method.slice(0, MAX_METHOD));
  if (url !== undefined) {
    attributes[ATTR_SERVER_ADDRESS] = serverAddress(url);
    const port = serverPort(url);
    if (port !== undefined) attributes[ATTR_SERVER_PORT] = port;
  }
  if (full !== undefined) attributes[ATTR_URL_FULL] = full;
  return attributes;
}

/** Returns how a call that got an answer came out: an error for a client from 400 on. */
export function statusOutcome(status: number): Outcome {
  const attributes = { [ATTR_HTTP_RESPONSE_STATUS_CODE]: status };
  return status >= 400 ? { attributes, errorType: String(status) } : { attributes };
}

/** What tells of an abort: the signal of a call, or undici's controller of a dispatch. */
interface Aborted {
  readonly aborted?: unknown;
  readonly reason?: unknown;
}

/** The outcome of a call that its caller aborted, which is no error. */
const abortedOutcome: Outcome = { attributes: { [ATTR_ABORTED]: true } };

/**
 * Returns how a call that got no answer came out. It is no error where the caller aborted it, which `signals` tell; a timeout is
 * one. `error.type` is `AbortError` or `TimeoutError`, else the code or class of what is behind fetch's TypeError. The message of
 * a bare TypeError is left out: it quotes the arguments, a URL with its credentials among them.
 */
export function failureOutcome(error: unknown, ...signals: readonly unknown[]): Outcome {
  if (signals.some((signal) => isAbortBy(signal, error))) return abortedOutcome;
  try {
    const { name, cause } = Object(error) as { name?: unknown; cause?: unknown };
    if (name === 'AbortError' || name === 'TimeoutError') return { error, errorType: name };
    if (name !== 'TypeError') return { error };
    if (cause === undefined || cause === null) return { errorType: name };
    if ((cause as { name?: unknown }).name === 'TypeError') return { errorType: errorType(cause) };
    const causeType = errorType(cause);
    return { error: cause, errorType: causeType === 'Error' || causeType === '_OTHER' ? 'TypeError' : causeType };
  } catch {
    // A getter of the error threw. It reaches the caller as it is; here its class is unknown.
    return { errorType: '_OTHER' };
  }
}

// A signal may abort after the call has failed by itself, so the error must be its reason, or an AbortError that stands for it.
function isAbortBy(signal: unknown, error: unknown): boolean {
  try {
    const { aborted, reason } = Object(signal) as Aborted;
    if (aborted !== true || nameOf(reason) === 'TimeoutError') return false;
    return Object.is(error, reason) || nameOf(error) === 'AbortError';
  } catch {
    // A getter of a signal that is none of the platform's threw.
    return false;
  }
}

function nameOf(error: unknown): unknown {
  try {
    return (Object(error) as { name?: unknown }).name;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}

function knownMethod(method: string): string | undefined {
  if (knownMethods.has(method)) return method;
  const upper = method.toUpperCase();
  return normalizedMethods.has(upper) ? upper : undefined;
}

function serverAddress({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function serverPort({ port, protocol }: URL): number | undefined {
  if (port !== '') return Number(port);
  if (protocol === 'https:') return 443;
  return protocol === 'http:' ? 80 : undefined;
}

import type { Attributes } from '@opentelemetry/api';
import { errorType } from '@throughline/core/adapter';
import type { HopScope, Outcome, Target } from '@throughline/core/adapter';
import {
  abortedOutcome,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  isAbortBy,
  methodAttributes,
  methodName,
  serverAddress,
} from '@throughline/core/http';
import { ATTR_HTTP_REQUEST_RESEND_COUNT, ATTR_URL_FULL } from './conventions.ts';
import { version } from './version.ts';

/** The instrumentation scope of this package's spans. */
export const scope: HopScope = { name: '@throughline/fetch', version };

// The methods that fetch puts in upper case. https://fetch.spec.whatwg.org/#concept-method-normalize
const normalizedMethods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']);

/** Returns a method as it goes on the wire. */
function normalized(method: string): string {
  if (normalizedMethods.has(method)) return method;
  const upper = method.toUpperCase();
  return normalizedMethods.has(upper) ? upper : method;
}

/** Returns the span's name for a method: `{method}`, or `HTTP` for an unknown one. */
export function spanName(method: string): string {
  return methodName(normalized(method));
}

/**
 * Returns the attributes of an HTTP CLIENT span at its start, by the stable conventions. `server` is what names the server;
 * `full` is `url.full`, redacted; `resends` says how often the request was sent before.
 */
export function clientAttributes(
  method: string,
  server: Attributes | undefined,
  full: string | undefined,
  resends = 0,
): Attributes {
  const attributes = methodAttributes(normalized(method), method);
  if (server !== undefined) Object.assign(attributes, server);
  if (full !== undefined) attributes[ATTR_URL_FULL] = full;
  if (resends > 0) attributes[ATTR_HTTP_REQUEST_RESEND_COUNT] = resends;
  return attributes;
}

/** Returns whom a request goes to: the server of `url`, whose host has the form that `server.address` has, and the path. */
export function targetOf(url: URL | undefined, path: string | undefined = url?.pathname): Target {
  return { transport: 'http', channel: 'host', host: url && serverAddress(url.hostname), name: path };
}

/** Returns how a call that got an answer came out: an error for a client from 400 on. */
export function statusOutcome(status: number): Outcome {
  const attributes = { [ATTR_HTTP_RESPONSE_STATUS_CODE]: status };
  return status >= 400 ? { attributes, errorType: String(status) } : { attributes };
}

/**
 * Returns how a call that got no answer came out. It is no error where the caller aborted it, which `signals` tell; a timeout is
 * one. `error.type` is `AbortError` or `TimeoutError`, else that of {@link errorType}. The message is that of what is behind fetch's
 * TypeError; that of a bare TypeError is left out: it quotes the arguments, a URL with its credentials among them.
 */
export function failureOutcome(error: unknown, ...signals: readonly unknown[]): Outcome {
  if (signals.some((signal) => isAbortBy(signal, error))) return abortedOutcome;
  try {
    const { name, cause } = Object(error) as { name?: unknown; cause?: unknown };
    if (name === 'AbortError' || name === 'TimeoutError') return { error, errorType: name };
    if (name !== 'TypeError') return { failed: true, error };
    const type = errorType(error);
    const silent = cause === undefined || cause === null || nameOf(cause) === 'TypeError';
    return silent ? { errorType: type } : { error: cause, errorType: type };
  } catch {
    // A getter of the error threw. It reaches the caller as it is; here its class is unknown.
    return { errorType: '_OTHER' };
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

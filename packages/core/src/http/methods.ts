import type { Attributes } from '@opentelemetry/api';
import { printable } from '../printable.ts';
import { ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_REQUEST_METHOD_ORIGINAL } from './conventions.ts';

// RFC 9110, PATCH (RFC 5789) and QUERY; anything else is `_OTHER`, so that nobody from outside can make span names.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/#http-request-method
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
const OTHER = '_OTHER';
const MAX_METHOD = 64;

/** Returns a method that the conventions know, or `undefined` for any other. Letter case counts, as it does on the wire. */
export function knownMethod(method: string | undefined): string | undefined {
  return method !== undefined && knownMethods.has(method) ? method : undefined;
}

/** Returns the name of an HTTP span whose route is not known: `{method}`, or `HTTP` for a method that is not known. */
export function methodName(method: string | undefined): string {
  return knownMethod(method) ?? 'HTTP';
}

/** Returns the attributes of a method as it was given: `original` where that is not how it goes on the wire. */
export function methodAttributes(method: string | undefined, original: string | undefined = method): Attributes {
  const known = knownMethod(method);
  const attributes: Attributes = { [ATTR_HTTP_REQUEST_METHOD]: known ?? OTHER };
  if (original !== undefined && known !== original)
    attributes[ATTR_HTTP_REQUEST_METHOD_ORIGINAL] = printable(original, MAX_METHOD);
  return attributes;
}

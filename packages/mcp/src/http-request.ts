import { httpHeaders } from '@throughline/core/adapter';
import { isObject } from './message.ts';
import type { MessageExtra } from './message.ts';
import { label } from './operation.ts';

/** Returns the headers of the HTTP request that brought a message: a record in SDK v1, `Headers` in v2. */
export function headersOf(extra: MessageExtra | undefined): unknown {
  return extra?.requestInfo?.headers ?? extra?.request?.headers;
}

/** Returns the headers of the HTTP request that a handler is called for, given the handler's last argument. */
export function handlerHeaders(extra: unknown): unknown {
  if (!isObject(extra)) return undefined;
  const { requestInfo, http } = extra;
  const request = requestInfo ?? (isObject(http) ? http['req'] : undefined);
  return isObject(request) ? request['headers'] : undefined;
}

/**
 * Whether the SDK has verified a token of the caller's, given a handler's last argument; `undefined` where it says nothing. SDK v2
 * keeps it beside the HTTP request.
 */
export function isAuthenticated(extra: unknown): true | undefined {
  if (!isObject(extra)) return undefined;
  const { authInfo, http } = extra;
  return authInfo !== undefined || (isObject(http) && http['authInfo'] !== undefined) ? true : undefined;
}

/** Returns the protocol version that an HTTP request names in its headers. */
export function versionHeader(extra: MessageExtra | undefined): string | undefined {
  const headers = headersOf(extra);
  return headers === undefined ? undefined : label(httpHeaders.read(headers, 'mcp-protocol-version'));
}

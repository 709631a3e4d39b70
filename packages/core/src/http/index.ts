/*
 * What adapters of HTTP share, at either end: methods, servers, aborts, and what of a URL may be shown.
 */
export { abortedOutcome, isAbortBy } from './aborted.ts';
export {
  ATTR_ABORTED,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from './conventions.ts';
export { knownMethod, methodAttributes, methodName } from './methods.ts';
export { urlRedaction, type HttpOptions, type UrlRedaction } from './redaction.ts';
export { defaultPort, serverAddress, serverAttributes } from './server.ts';
export { othersWatchUndici, watchUndici } from './undici-requests.ts';

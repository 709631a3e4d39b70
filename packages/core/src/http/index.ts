/*
 * What adapters of HTTP share: methods, servers, aborts, and what of a URL may be shown, at either end; and what is the same for
 * every framework of a server: the attributes of a request, how it came out, how it is refused, the options.
 */
export { abortedOutcome, isAbortBy } from './aborted.ts';
export {
  ATTR_ABORTED,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from './conventions.ts';
export { knownMethod, methodAttributes, methodName } from './methods.ts';
export { isCutShort, nodeFollower } from './node-exchange.ts';
export type { NodeAnswer, NodeExchange, NodeRequestLike, NodeResponseLike } from './node-exchange.ts';
export { bindListeners } from './node-listeners.ts';
export { urlRedaction, type HttpOptions, type UrlRedaction } from './redaction.ts';
export { withoutZone } from '../policy/address.ts';
export { defaultPort, serverAddress, serverAttributes } from './server.ts';
export { keptOutOf, separate } from './separate.ts';
export {
  isIgnored,
  isTold,
  refuseRequest,
  routeOf,
  serverOutcome,
  serverTimingOf,
  traceHeaders,
} from './server-answer.ts';
export type { RefusalAnswer, ServerAnswer } from './server-answer.ts';
export { httpServerSettings, type HttpServerOptions, type OfRequest } from './server-options.ts';
export { requestAttributes, type ServerRequest } from './server-request.ts';
export { othersWatchUndici, watchUndici } from './undici-requests.ts';

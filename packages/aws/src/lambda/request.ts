import { httpHeaders } from '@throughline/core/adapter';
import type { ServerRequest } from '@throughline/core/http';
import { isObject, text } from './event.ts';
import type { EventKind, Loose } from './event.ts';

/** An HTTP request that invoked a function. */
export interface Request {
  readonly headers: unknown;
  /** What the conventions ask for; of a message on a WebSocket there is none. */
  readonly server: ServerRequest | undefined;
  readonly method: string | undefined;
  /** The pattern of the route, where the event says it. */
  readonly route: string | undefined;
  readonly address: string | undefined;
  /** Whether headers of the answer are lists. */
  readonly multi: boolean;
  readonly alb: boolean;
}

/** Returns the request of an event of API Gateway, a function URL, or a load balancer. May throw, where a getter does. */
export function requestOf(event: Loose, kind: EventKind): Request {
  const request = isObject(event['requestContext']) ? event['requestContext'] : {};
  const lists = event['multiValueHeaders'];
  const headers = isObject(lists) ? lists : event['headers'];
  const http = isObject(request['http']) ? request['http'] : {};
  const identity = isObject(request['identity']) ? request['identity'] : {};
  const method = text(event['httpMethod']) ?? text(http['method']) ?? text(request['httpMethod']);
  const address = text(http['sourceIp']) ?? text(identity['sourceIp']);
  const path = text(event['rawPath']) ?? text(event['path']) ?? '/';
  const query = text(event['rawQueryString']) ?? queryOf(event, kind);
  const scheme = header(headers, 'x-forwarded-proto') ?? 'https';
  const server: ServerRequest = {
    method,
    url: query === undefined ? path : `${path}?${query}`,
    scheme,
    protocolVersion: versionOf(http['protocol'] ?? request['protocol']),
    host: header(headers, 'host') ?? text(request['domainName']),
    clientAddress: address,
    userAgent: header(headers, 'user-agent') ?? text(http['userAgent']) ?? text(identity['userAgent']),
  };
  return {
    headers,
    server: kind === 'websocket' ? undefined : server,
    method,
    route: routeOf(event, request, kind),
    address,
    multi: kind === 'alb' && isObject(lists),
    alb: kind === 'alb',
  };
}

function routeOf(event: Loose, request: Loose, kind: EventKind): string | undefined {
  switch (kind) {
    case 'api-gateway':
      return text(event['resource']) ?? text(request['resourcePath']);
    case 'websocket':
      return text(request['routeKey']);
    case 'http-api': {
      // `GET /users/{id}`, or `$default`, which is no route.
      const key = text(event['routeKey']) ?? text(request['routeKey']);
      const space = key?.indexOf(' ') ?? -1;
      return space === -1 ? undefined : key?.slice(space + 1);
    }
    default:
      return undefined;
  }
}

// API Gateway gives parameters decoded, a load balancer as they came.
function queryOf(event: Loose, kind: EventKind): string | undefined {
  const lists = event['multiValueQueryStringParameters'];
  const parameters = isObject(lists) ? lists : event['queryStringParameters'];
  if (!isObject(parameters)) return undefined;
  // What is no well-formed text has no percent-encoding.
  const encode = kind === 'alb' ? String : (part: string): string => encodeURIComponent(part.toWellFormed());
  const parts: string[] = [];
  for (const name of Object.keys(parameters)) {
    for (const value of [parameters[name]].flat()) {
      if (typeof value === 'string') parts.push(`${encode(name)}=${encode(value)}`);
    }
  }
  return parts.length === 0 ? undefined : parts.join('&');
}

function versionOf(protocol: unknown): string | undefined {
  return text(protocol)?.split('/')[1];
}

function header(headers: unknown, name: string): string | undefined {
  const value = httpHeaders.read(headers, name);
  return text(Array.isArray(value) ? value[0] : value);
}

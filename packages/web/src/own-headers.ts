import { httpHeaders, nodeHeaders } from '@throughline/core/adapter';
import type { CarrierReader } from '@throughline/core/adapter';

/** The headers of a request, and how they are read. */
export interface OwnHeaders {
  readonly carrier: unknown;
  readonly reader: CarrierReader;
  /** Returns the first value of a header, named in lower case. */
  get(name: string): string | undefined;
}

/**
 * Returns the headers of a request. `arrived` is Node's own request, where it is known: of the light `Request` that `@hono/node-server`
 * makes of one, Node's headers are read for as long as nobody has asked for those of the `Request`, which makes a list of them.
 */
export function ownHeaders(request: Request, arrived: object): OwnHeaders {
  const headers = isUntouched(request, arrived) ? (arrived as { headers?: unknown }).headers : undefined;
  if (typeof headers === 'object' && headers !== null) {
    const held = headers as Readonly<Record<string, unknown>>;
    return {
      carrier: headers,
      reader: nodeHeaders,
      get(name) {
        const value = held[name];
        return typeof value === 'string' ? value : undefined;
      },
    };
  }
  return { carrier: request.headers, reader: httpHeaders, get: (name) => request.headers.get(name) ?? undefined };
}

// It holds what it was made of in members that have symbols for names.
function isUntouched(request: Request, arrived: object): boolean {
  let isOfArrived = false;
  for (const symbol of Object.getOwnPropertySymbols(request)) {
    const { description } = symbol;
    if (description === 'headersKey' || description === 'requestCache') return false;
    if (description === 'incomingKey')
      isOfArrived = (request as unknown as Record<symbol, unknown>)[symbol] === arrived;
  }
  return isOfArrived;
}

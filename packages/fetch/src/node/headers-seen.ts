import { subscribe } from 'node:diagnostics_channel';
import { nodeHeaders } from '@throughline/core/adapter';
import { placesOf } from '../flat-headers.ts';

/*
 * A client that gives its caller the whole answer tells nobody when the headers are there. Node tells of each response then, with
 * the request, which is known by the `traceparent` that was written to it.
 */

/** Told of the headers of a response. `answer` reads one by its name in lower case. */
export type HeadersSeen = (status: number, answer: (name: string) => unknown) => void;

const waiting = new Map<string, HeadersSeen>();
let watches = false;

/** Calls `seen` for each response to a request with this `traceparent`, until what is returned is called. Never throws. */
export function whenHeadersSeen(traceparent: string | undefined, seen: HeadersSeen): () => void {
  if (traceparent === undefined) return () => {};
  if (!watches) {
    // https://nodejs.org/api/diagnostics_channel.html#event-httpclientresponsefinish
    subscribe('http.client.response.finish', ofNode);
    // https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
    subscribe('undici:request:headers', ofUndici);
  }
  watches = true;
  waiting.set(traceparent, seen);
  return () => {
    if (waiting.get(traceparent) === seen) waiting.delete(traceparent);
  };
}

function ofNode(message: unknown): void {
  if (waiting.size === 0) return;
  try {
    const { request, response } = message as {
      request: { getHeader(name: string): unknown };
      response: { statusCode: number; headers: unknown };
    };
    const seen = waiting.get(String(request.getHeader('traceparent')));
    seen?.(response.statusCode, (name) => nodeHeaders.read(response.headers, name));
  } catch {
    // What a listener throws would end the process.
  }
}

function ofUndici(message: unknown): void {
  if (waiting.size === 0) return;
  try {
    const { request, response } = message as { request: { headers: unknown }; response: { statusCode: number } };
    const { headers } = request;
    const { statusCode } = response;
    // fetch follows a redirect within the same call.
    if (!Array.isArray(headers) || (statusCode >= 300 && statusCode < 400)) return;
    const seen = waiting.get(String(headers[(placesOf(headers, 'traceparent')[0] ?? -2) + 1]));
    seen?.(statusCode, () => undefined);
  } catch {
    // What a listener throws would end the process.
  }
}

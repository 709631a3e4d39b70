import { context as contextApi, propagation } from '@opentelemetry/api';
import { othersWatchUndici, watchUndici } from '@throughline/core/http';
import { placesOf } from './flat-headers.ts';
import { requestHeaders } from './request-headers.ts';

const MAX_WRITTEN = 10_000;
// As we write it. What else is there is the caller's own.
const TRACEPARENT_LENGTH = 55;

/** The `traceparent` values that were written of late, the oldest first: they tell a request that has our headers. */
const written = new Set<string>();

/**
 * Sees to it that a request through undici with these headers of ours, to which an instrumentation adds its own, goes out with one
 * of each field. Does nothing where nobody listens to undici's requests, or where the platform has no such channel. Never throws.
 */
export function oneOfEachField(headers: unknown): void {
  try {
    const traceparent = requestHeaders.read(headers, 'traceparent');
    if (typeof traceparent !== 'string' || traceparent.length !== TRACEPARENT_LENGTH || !othersWatchUndici()) return;
    // Listeners are called in their order, and ours has to come after an instrumentation that was enabled since.
    watchUndici(dropDuplicates);
    written.delete(traceparent);
    written.add(traceparent);
    if (written.size > MAX_WRITTEN) written.delete(written.values().next().value as string);
  } catch {
    // What cannot be read, the client reports.
  }
}

function dropDuplicates(message: unknown): void {
  try {
    const { headers } = (message as { request: { headers: unknown } }).request;
    if (Array.isArray(headers)) keepOne(headers);
  } catch {
    // What a listener throws would end the process.
  }
}

/**
 * Keeps one of each field in undici's flat `[name, value, …]` of a request that we wrote to. `traceparent` and `tracestate` are the
 * instrumentation's, whose span is the caller of the server, unless it began a trace of its own. `baggage` is ours, since
 * instrumentations send all of it to anyone.
 */
function keepOne(headers: unknown[]): void {
  const traceparents = placesOf(headers, 'traceparent');
  const [first, last] = [traceparents[0], traceparents.at(-1)];
  if (first === undefined || last === undefined || first === last || !written.has(headers[first + 1] as string)) return;
  const joins = traceId(headers[first + 1]) === traceId(headers[last + 1]);
  const dropped = [
    ...traceparents.filter((place) => place !== (joins ? last : first)),
    ...placesOf(headers, 'tracestate').slice(joins ? 0 : 1, joins ? -1 : undefined),
    ...placesOf(headers, 'baggage').slice(hasOurBaggage(headers) ? 1 : 0),
  ];
  for (const place of dropped.sort((a, b) => b - a)) headers.splice(place, 2);
}

// Instrumentations append: with two, the first is ours. One alone is theirs where they have any to send.
function hasOurBaggage(headers: readonly unknown[]): boolean {
  if (placesOf(headers, 'baggage').length > 1) return true;
  const theirs: Record<string, unknown> = {};
  propagation.inject(contextApi.active(), theirs);
  return theirs['baggage'] === undefined;
}

function traceId(traceparent: unknown): string {
  return String(traceparent).slice(3, 35);
}

import { propagation } from '@opentelemetry/api';
import { warnOncePer } from '@throughline/core/adapter';
import type { HopSettings, Sending } from '@throughline/core/adapter';
import { watchUndici } from '@throughline/core/http';
import { placesOf } from './flat-headers.ts';
import { targetOf } from './http-client-span.ts';

/*
 * A client that follows redirects by itself sends the headers of the first request to wherever it is led. Node's fetch and undici
 * tell of each request before it is written, so what its server may not have is taken out there. Of what another fetch does only
 * the end is seen, and that is told.
 */

/** Keeps what a call sends from the servers that redirects lead to and that may not have it. */
export interface RedirectGuard {
  /** Whether it has seen a request of the call, and so sees all of them. */
  readonly sees: boolean;
  /** The call has its answer. Idempotent. */
  end(): void;
}

interface Call {
  readonly sending: Sending;
  /** The server of its first request, which a dispatcher may have chosen. */
  first: string | undefined;
  /** Under `spans: false` the calls of one span look alike on the wire: how many of them have no answer yet. */
  open: number;
}

const calls = new Map<string, Call>();
let watches = false;

/** Guards a call until it has its answer; `undefined` where all that it sends may go to anyone. */
export function guardRedirects(sending: Sending, settings: HopSettings): RedirectGuard | undefined {
  try {
    return guard(sending, settings);
  } catch {
    // Baggage of another implementation threw: nothing of ours is written either.
    return undefined;
  }
}

function guard(sending: Sending, { options }: HopSettings): RedirectGuard | undefined {
  const hangsOnTarget = typeof options.outbound === 'function' || propagation.getBaggage(sending.wire) !== undefined;
  if (!hangsOnTarget) return undefined;
  const { traceparent, baggage } = sending.fields;
  if (traceparent === undefined && baggage === undefined) return undefined;
  if (!watches) watchUndici(withhold);
  watches = true;
  const key = keyOf(traceparent, baggage);
  const call = calls.get(key) ?? { sending, first: undefined, open: 0 };
  calls.set(key, call);
  call.open++;
  let ended = false;
  return {
    get sees() {
      return call.first !== undefined;
    },
    end() {
      if (ended) return;
      ended = true;
      if (--call.open === 0) calls.delete(key);
    },
  };
}

/** Tells of a response that a redirect led to, where the server that sent it may not have all that went there unseen. */
export function tellRedirect(response: unknown, called: URL | undefined, sending: Sending): void {
  const led = ledTo(response);
  if (led === undefined || led.hostname === called?.hostname) return;
  const target = targetOf(led);
  if (sending.fieldsFor(target)['baggage'] === sending.fields['baggage']) return;
  const host = String(target.host);
  warnOncePer(
    'redirect-followed',
    host,
    `baggage followed a redirect to ${host}, to which your options do not send it: this fetch follows redirects where nobody sees it. Call it with redirect: 'manual', or list the host in \`firstParty\` if it is yours.`,
  );
}

function ledTo(response: unknown): URL | undefined {
  try {
    const { redirected, url } = response as Response;
    return redirected ? new URL(url) : undefined;
  } catch {
    // A fetch of the user's may resolve to anything.
    return undefined;
  }
}

interface UndiciRequest {
  readonly headers: unknown;
  readonly origin: unknown;
  readonly path: unknown;
  /** The `host` header: where a dispatcher has put an address in the origin, it still names the host. */
  readonly host?: unknown;
}

function withhold(message: unknown): void {
  if (calls.size === 0) return;
  try {
    const { request } = message as { request: UndiciRequest };
    const { headers } = request;
    if (!Array.isArray(headers)) return;
    const call = calls.get(keyOf(valueOf(headers, 'traceparent'), valueOf(headers, 'baggage')));
    if (call === undefined) return;
    const server = serverOf(request);
    call.first ??= server.host;
    if (server.host !== call.first) rewrite(headers, call.sending, server, request.path);
  } catch {
    // What a listener throws would end the process.
  }
}

function rewrite(headers: unknown[], sending: Sending, server: URL, path: unknown): void {
  const target = targetOf(server, String(path).split('?', 1)[0]);
  const { fields } = sending;
  const allowed = sending.fieldsFor(target);
  for (const name of Object.keys(fields)) {
    const place = placeOf(headers, name.toLowerCase());
    if (place === -1 || headers[place + 1] !== fields[name]) continue;
    if (allowed[name] === undefined) headers.splice(place, 2);
    else headers[place + 1] = allowed[name];
  }
  if (allowed['baggage'] === fields['baggage']) return;
  const host = String(target.host);
  warnOncePer(
    'redirect-withheld',
    host,
    `baggage did not follow a redirect to ${host}, to which your options do not send it. List the host in \`firstParty\` or THROUGHLINE_FIRST_PARTY if it is yours.`,
  );
}

function serverOf({ origin, host }: UndiciRequest): URL {
  const url = new URL(String(origin));
  return typeof host === 'string' ? new URL(`${url.protocol}//${host}`) : url;
}

function keyOf(traceparent: unknown, baggage: unknown): string {
  return `${String(traceparent)} ${String(baggage)}`;
}

function valueOf(headers: readonly unknown[], field: string): unknown {
  const place = placeOf(headers, field);
  return place === -1 ? undefined : headers[place + 1];
}

// Ours come first: instrumentations append.
function placeOf(headers: readonly unknown[], field: string): number {
  return placesOf(headers, field)[0] ?? -1;
}

import { SpanKind } from '@opentelemetry/api';
import { hopSettings, outboundFields, remembering } from '@throughline/core/adapter';
import type { HopOptions, Target } from '@throughline/core';
import { scope } from './http-client-span.ts';
import { rereadable, requestHeaders, writeRequestHeaders } from './request-headers.ts';

/**
 * Returns a copy of `headers` that holds the active trace context, for a client that {@link traceFetch} does not wrap (axios,
 * got, `node:http`): a record for a record or for nothing, pairs for pairs, `Headers` for `Headers`. Starts no span. `target`,
 * a URL or a host name, is whom the request goes to; without it baggage stays here. Throws a
 * `LineageError` past a limit of the chain, under `lineage: { mode: 'enforce' }`.
 *
 * @example
 * ```ts
 * await axios.get(url, { headers: injectHeaders({ accept: 'application/json' }, url) });
 * ```
 */
export function injectHeaders(headers?: undefined, target?: string | URL, options?: HopOptions): Record<string, string>;
export function injectHeaders(headers: Headers, target?: string | URL, options?: HopOptions): Headers;
export function injectHeaders(
  headers: readonly (readonly [string, string])[],
  target?: string | URL,
  options?: HopOptions,
): [string, string][];
export function injectHeaders<V>(
  headers: Readonly<Record<string, V>>,
  target?: string | URL,
  options?: HopOptions,
): Record<string, V | string>;
export function injectHeaders(headers?: unknown, target?: string | URL, options?: HopOptions): unknown {
  const offered = rereadable(headers ?? undefined);
  const sending = outboundFields(
    {
      transport: 'http',
      name: 'HTTP',
      kind: SpanKind.CLIENT,
      target: targetOf(target),
      carrier: offered,
      reader: requestHeaders,
    },
    settingsOf(options),
  );
  return writeRequestHeaders(offered, sending);
}

function targetOf(target: string | URL | undefined): Target {
  if (target === undefined) return { transport: 'http', channel: 'host' };
  const url = target instanceof URL ? target : parse(target);
  return { transport: 'http', channel: 'host', host: url?.hostname, name: url?.pathname };
}

function parse(target: string): URL | undefined {
  try {
    return new URL(target.includes('://') ? target : `http://${target}`);
  } catch {
    return undefined;
  }
}

const settingsOf = remembering((options: HopOptions | undefined) => hopSettings(options, scope));

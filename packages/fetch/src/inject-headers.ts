import { SpanKind } from '@opentelemetry/api';
import { hopSettings, outboundFields, remembering } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { scope, targetOf } from './http-client-span.ts';
import { isHeaders, rereadable, requestHeaders, writeRequestHeaders } from './request-headers.ts';
import { oneOfEachField } from './undici-duplicates.ts';

/** What {@link injectHeaders} returns for headers of the type `H`, which may be a union: the option of a caller's. */
export type InjectedHeaders<H> = H extends undefined | null
  ? Record<string, string>
  : H extends Headers
    ? Headers
    : H extends readonly (readonly (infer V)[])[]
      ? H extends readonly (readonly [string, string])[]
        ? [string, string][]
        : V[][]
      : Record<string, H[keyof H] | string>;

/**
 * Returns a copy of `headers` that holds the active trace context, for a client that {@link traceFetch} does not wrap (axios,
 * got, `node:http`): a record for a record or for nothing, pairs for pairs, `Headers` for `Headers`. Starts no span. `target`,
 * a URL or a host name, is whom the request goes to; without it, and with a relative URL, baggage stays here. Throws a
 * `LineageError` past a limit of the chain, under `lineage: { mode: 'enforce' }`.
 *
 * A request through undici goes out with one of each field also where an instrumentation adds its own.
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
export function injectHeaders<V = string>(
  headers: Readonly<Record<string, V>>,
  target?: string | URL,
  options?: HopOptions,
): Record<string, V | string>;
export function injectHeaders<H extends object | null | undefined>(
  headers: H,
  target?: string | URL,
  options?: HopOptions,
): InjectedHeaders<H>;
export function injectHeaders(headers?: unknown, target?: string | URL, options?: HopOptions): unknown {
  const offered = rereadable(hasNames(headers) ? { ...headers } : (headers ?? undefined));
  const sending = outboundFields(
    {
      transport: 'http',
      name: 'HTTP',
      kind: SpanKind.CLIENT,
      target: targetOf(target instanceof URL ? target : parse(target)),
      carrier: offered,
      reader: requestHeaders,
    },
    settingsOf(options),
  );
  const written = writeRequestHeaders(offered, sending);
  oneOfEachField(written);
  return written;
}

// The `AxiosHeaders` that an interceptor of axios gets are a record that can be iterated, too.
function hasNames(headers: unknown): headers is object {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers) || isHeaders(headers)) return false;
  return Symbol.iterator in headers && Object.keys(headers).length > 0;
}

function parse(target: string | undefined): URL | undefined {
  if (target === undefined) return undefined;
  try {
    if (target.includes('://')) return new URL(target);
    // What is no name alone may be relative to a URL that only the client knows, such as axios's `baseURL`.
    return /[\\/?#]/.test(target) ? undefined : new URL(`http://${target}`);
  } catch {
    return undefined;
  }
}

const settingsOf = remembering((options: HopOptions | undefined) => hopSettings(options, scope));

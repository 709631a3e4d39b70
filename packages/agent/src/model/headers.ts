/** What a provider's headers say of a call. Times are seconds. */
export interface HeadersSaid {
  readonly requestId?: string | undefined;
  readonly processing?: number | undefined;
  readonly queue?: number | undefined;
  readonly region?: string | undefined;
  readonly requestsLeft?: number | undefined;
  readonly tokensLeft?: number | undefined;
  /** When to try again. */
  readonly retryAfter?: number | undefined;
}

/** Headers: those of fetch, a `Map`, or a record. */
export type HeadersLike = { get(name: string): unknown } | Readonly<Record<string, unknown>>;

const MAX_LENGTH = 200;

/**
 * Returns what is known of these headers: request ids, times in queue and at work, the region, rate limits left, and when to try again, of
 * OpenAI, Azure, Anthropic, Bedrock, and servers such as TGI.
 */
export function readHeaders(headers: HeadersLike): HeadersSaid {
  const get =
    typeof headers.get === 'function'
      ? (name: string) => (headers as { get(name: string): unknown }).get(name)
      : (name: string) => (headers as Record<string, unknown>)[name];
  const text = (...names: readonly string[]): string | undefined => {
    for (const name of names) {
      const value = get(name);
      if (typeof value === 'string' && value !== '' && value.length <= MAX_LENGTH) return value;
    }
    return undefined;
  };
  const number = (...names: readonly string[]): number | undefined => {
    const value = Number(text(...names) ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const milliseconds = (...names: readonly string[]): number | undefined => {
    const value = number(...names);
    return value === undefined ? undefined : value / 1000;
  };
  return {
    requestId: text('x-request-id', 'request-id', 'apim-request-id', 'x-amzn-requestid'),
    processing: milliseconds('openai-processing-ms', 'x-inference-time', 'x-envoy-upstream-service-time'),
    queue: milliseconds('x-queue-time-ms', 'x-queue-time'),
    region: text('x-ms-region', 'x-amzn-bedrock-region', 'x-region'),
    requestsLeft: number('x-ratelimit-remaining-requests', 'anthropic-ratelimit-requests-remaining'),
    tokensLeft: number('x-ratelimit-remaining-tokens', 'anthropic-ratelimit-tokens-remaining'),
    retryAfter: milliseconds('retry-after-ms') ?? retryAfter(text('retry-after')),
  };
}

/** Seconds, or a date. https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds : undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}

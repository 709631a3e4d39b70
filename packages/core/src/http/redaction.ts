const REDACTED = 'REDACTED';

// The keys that the conventions redact by default; case-sensitive.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/#url-full
const sensitiveKeys: ReadonlySet<string> = new Set([
  'AWSAccessKeyId',
  'Signature',
  'sig',
  'X-Goog-Signature',
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
]);

/** Returns the value of `url.full`: the URL without its credentials, and without the values of query keys that sign it. */
export function urlFull(url: URL): string {
  const { href } = url;
  // Reading two more parts of a URL costs as much as the rest of this function; nearly no URL holds an `@`.
  if (!href.includes('@') || (url.username === '' && url.password === '')) return redactQuery(href);
  const copy = new URL(href);
  copy.username = REDACTED;
  copy.password = REDACTED;
  return redactQuery(copy.href);
}

/** Returns a URL, or a path, with the value of each query key that signs it replaced by `REDACTED`. */
export function redactQuery(href: string): string {
  const query = href.indexOf('?');
  if (query === -1) return href;
  const fragment = href.indexOf('#');
  if (fragment !== -1 && fragment < query) return href;
  const end = fragment === -1 ? href.length : fragment;
  let redacted = '';
  let copied = 0;
  for (let start = query + 1; start < end;) {
    const ampersand = href.indexOf('&', start);
    const next = ampersand === -1 || ampersand > end ? end : ampersand;
    const equals = href.indexOf('=', start);
    if (equals !== -1 && equals + 1 < next && sensitiveKeys.has(href.slice(start, equals))) {
      redacted += href.slice(copied, equals + 1) + REDACTED;
      copied = next;
    }
    start = next + 1;
  }
  return copied === 0 ? href : redacted + href.slice(copied);
}

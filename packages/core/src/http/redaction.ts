import type { HopOptions, Pattern } from '../policy/options.ts';
import { optionError } from '../option-checks.ts';
import { matcher } from '../policy/pattern.ts';

/** The options that every adapter of HTTP takes. */
export interface HttpOptions extends HopOptions {
  /**
   * Keys of parameters whose values are not shown in `url.full`, `url.path` and `url.query`, beside those that never are. Names,
   * names with `*`, in any letter case, and regular expressions.
   */
  readonly redactQueryKeys?: readonly Pattern[] | undefined;
}

/** Returns a URL, or a part of one, with everything in it that is not to be shown replaced by `REDACTED`. */
export type UrlRedaction = (url: string) => string;

const REDACTED = 'REDACTED';

/*
 * Keys are compared by their letters and digits in lower case, without digits at their end: `api_key`, `API-Key`, `apiKey` and
 * `api_key[0]` are one. All keys that the conventions name are among them, and what Sentry, Datadog and Elastic redact as credentials.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/#url-full
 */
const sensitiveWords: ReadonlySet<string> = new Set(
  [
    [
      'awsaccesskeyid',
      'sig',
      'sign',
      'hmac',
      'key',
      'appkey',
      'applicationkey',
      'authkey',
      'consumerkey',
      'subscriptionkey',
    ],
    ['auth', 'authorization', 'authentication', 'bearer', 'jwt', 'otp', 'pass', 'pwd', 'mysqlpwd'],
    ['code', 'codeverifier', 'assertion', 'clientassertion', 'samlresponse'],
    ['session', 'sid', 'connectsid', 'cookie', 'setcookie', 'csrf', 'xsrf'],
  ].flat(),
);
const sensitiveWithin =
  /password|passwd|passphrase|secret|credential|signature|apikey|accesskey|privatekey|(?:token|sessionid|sessid)$/;

// Keys repeat on every call; the bounds keep a caller from filling the memory.
const MAX_REMEMBERED = 100;
const MAX_REMEMBERED_KEY = 64;

/**
 * Returns the redaction of URLs, by the keys that are sensitive everywhere and by those of `more`. Throws a `ThroughlineError` for
 * what is no list of patterns.
 */
export function urlRedaction(more: HttpOptions['redactQueryKeys']): UrlRedaction {
  const isNamed = more === undefined ? () => false : anyCase(more);
  const remembered = new Map<string, boolean>();
  const isSensitive = (key: string): boolean => {
    let known = remembered.get(key);
    if (known === undefined) {
      const decoded = decode(key);
      known = isSensitiveWord(decoded) || isNamed(decoded);
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      if (key.length <= MAX_REMEMBERED_KEY) remembered.set(key, known);
    }
    return known;
  };
  // Nothing is hidden but before an `@` and after a `=`: most URLs of services hold neither.
  return (url) => (url.includes('=') || url.includes('@') || url.includes('%') ? redact(url, isSensitive) : url);
}

function anyCase(patterns: readonly Pattern[]): (key: string) => boolean {
  if (!Array.isArray(patterns)) throw optionError('redactQueryKeys', "a list of keys, such as ['email']", patterns);
  const lower = (pattern: Pattern): Pattern => (typeof pattern === 'string' ? pattern.toLowerCase() : pattern);
  const matches = matcher(patterns.map(lower), 'redactQueryKeys');
  return (key) => matches(key) || matches(key.toLowerCase());
}

function isSensitiveWord(key: string): boolean {
  const word = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '')
    .replace(/[0-9]{1,3}$/, '');
  return sensitiveWords.has(word) || sensitiveWithin.test(word);
}

const [HASH, AMPERSAND, SLASH, SEMICOLON, EQUALS, QUESTION, AT, PERCENT] = [35, 38, 47, 59, 61, 63, 64, 37];

/*
 * Whoever reads a URL may take it apart in more than one way, and a parameter may hold a URL of its own: every separator counts,
 * percent-encoded or not. What is hidden ends where no reader goes on.
 *
 *     https://user:word@host/path;jsessionid=1/more?next=%2Fcallback%3Fcode%3D1&b=2#access_token=3
 *             ^^^^^^^^^                      ^                                ^                  ^
 */
function redact(url: string, isSensitive: (key: string) => boolean): string {
  let redacted = '';
  let copied = 0;
  // Where a key may have started, and where userinfo may have, if anywhere, and how wide the slash before it is written.
  let key = 0;
  let authority = -1;
  let width = 0;
  let inPath = true;
  let afterSlash = false;
  const hide = (from: number, to: number, by: string): void => {
    redacted += url.slice(copied, from) + by;
    copied = to;
  };
  for (let at = 0; at < url.length;) {
    let code = url.charCodeAt(at);
    let end = at + 1;
    if (code > AT) {
      // Letters, which most characters are.
      afterSlash = false;
      at = end;
      continue;
    }
    if (code === PERCENT) {
      end = characterEnd(url, at);
      if (end !== at + 1) code = Number.parseInt(url.slice(end - 2, end), 16);
    }
    const isEncoded = end !== at + 1;
    // What is encoded more often than the slashes of the authority is part of it.
    const isOutside = end - at <= width;
    let next = end;
    switch (code) {
      case SLASH:
        if (isOutside) authority = -1;
        if (afterSlash && authority === -1) {
          authority = end;
          width = end - at;
        }
        key = end;
        break;
      case QUESTION:
      case HASH:
        if (isOutside) authority = -1;
        if (!isEncoded) inPath = false;
        key = end;
        break;
      case AMPERSAND:
        if (!isEncoded && !inPath) authority = -1;
        key = end;
        break;
      case SEMICOLON:
        key = end;
        break;
      case EQUALS:
        if (isSensitive(url.slice(key, at))) {
          const stop = valueEnd(url, end, inPath);
          if (stop > end) {
            hide(authority === -1 ? end : authority, stop, REDACTED);
            next = stop;
          }
        }
        key = end;
        break;
      case AT:
        if (authority !== -1 && at > authority) hide(authority, at, `${REDACTED}:${REDACTED}`);
        if (authority !== -1) authority = end;
        break;
      default:
    }
    afterSlash = code === SLASH;
    at = next;
  }
  return copied === 0 ? url : redacted + url.slice(copied);
}

/** Returns where a value ends: in a path with its segment, else with its parameter. */
function valueEnd(url: string, from: number, inPath: boolean): number {
  for (let at = from; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code === HASH || (inPath ? code === SLASH || code === QUESTION : code === AMPERSAND)) return at;
  }
  return url.length;
}

/** Returns where the character ends that stands at a place, which may be percent-encoded, and that again: `%2526`. */
function characterEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== PERCENT) return at + 1;
  let digits = at + 1;
  while (text.charCodeAt(digits) === 50 && text.charCodeAt(digits + 1) === 53) digits += 2;
  return isHex(text.charCodeAt(digits)) && isHex(text.charCodeAt(digits + 1)) ? digits + 2 : digits;
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102);
}

/** Returns a key without percent-encoding, however often it was encoded. */
function decode(key: string): string {
  if (!key.includes('%')) return key;
  let decoded = '';
  for (let at = 0; at < key.length;) {
    const end = characterEnd(key, at);
    decoded += end === at + 1 ? key.charAt(at) : String.fromCharCode(Number.parseInt(key.slice(end - 2, end), 16));
    at = end;
  }
  return decoded;
}

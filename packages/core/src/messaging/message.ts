const TEN_YEARS = 10 * 365.25 * 24 * 60 * 60 * 1000;

/**
 * Returns how long ago a message was sent, in milliseconds, by its timestamp; `undefined` where that cannot be: it is missing,
 * in the future, or ten years old. Producers set what they like.
 */
export function messageAge(timestamp: unknown, now: number): number | undefined {
  if (typeof timestamp !== 'string' && typeof timestamp !== 'number' && typeof timestamp !== 'bigint') return undefined;
  const age = now - Number(timestamp);
  return age >= 0 && age < TEN_YEARS ? age : undefined;
}

// Longer keys are not names of anything.
const MAX_KEY = 1024;

/** Returns a message's key as text for an attribute; `undefined` where it is none, or bytes that are not printable text. */
export function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key.length <= MAX_KEY && isPrintable(key) ? key : undefined;
  if (!(key instanceof Uint8Array) || key.byteLength > MAX_KEY) return undefined;
  const text = utf8.decode(key);
  return isPrintable(text) ? text : undefined;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

// Invalid UTF-8 decodes to U+FFFD, which counts as not printable.
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029 || code === 0xfffd)
      return false;
    if (code >= 0xd800 && code < 0xe000 && !text.isWellFormed()) return false;
  }
  return true;
}

/** Returns an offset as an integer attribute; `undefined` past the integers that a number holds. */
export function offsetNumber(offset: unknown): number | undefined {
  if (typeof offset !== 'bigint' && (typeof offset !== 'string' || offset === '')) return undefined;
  const value = Number(offset);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

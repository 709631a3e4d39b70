/** The part of a message that is read here, sent or received; kafkajs and Confluent's client both have it. */
export interface MessageLike {
  readonly key?: Uint8Array | string | null | undefined;
  readonly value?: Uint8Array | string | null | undefined;
  readonly headers?: object | null | undefined;
  /** Milliseconds since 1970. Whatever the producer set. */
  readonly timestamp?: string | number | undefined;
  readonly offset?: string | undefined;
}

/** Headers as kafkajs takes them. */
export interface MessageHeaders {
  [name: string]: Buffer | string | (Buffer | string)[] | undefined;
}

const TEN_YEARS = 10 * 365.25 * 24 * 60 * 60 * 1000;

/**
 * Returns how long ago a message was sent, in milliseconds, by its timestamp; `undefined` where that cannot be: it is missing,
 * in the future, or ten years old. Producers set what they like.
 */
export function messageAge(timestamp: unknown, now: number): number | undefined {
  if (typeof timestamp !== 'string' && typeof timestamp !== 'number') return undefined;
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
  if (typeof offset !== 'string' || offset === '') return undefined;
  const value = Number(offset);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/**
 * Returns the class of an error: for one of kafkajs the protocol's name, such as `UNKNOWN_TOPIC_OR_PARTITION`, or the
 * error's own, because its `code` is a number; for others `undefined`, so that core decides.
 */
export function kafkaErrorType(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, type } = error as { name?: unknown; type?: unknown };
  if (typeof name !== 'string' || !name.startsWith('KafkaJS')) return undefined;
  return typeof type === 'string' && type !== '' ? type : name;
}

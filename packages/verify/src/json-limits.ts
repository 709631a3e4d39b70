/** Values that JSON may hold: an empty object takes three bytes as text, and some 60 in memory. */
const MAX_VALUES = 1_000_000;
/** As deep as protobuf's own limit of 100 messages is in JSON, where a repeated message is an array and an object. */
const MAX_DEPTH = 200;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * Returns why JSON takes more memory to parse than its bytes justify, and `undefined` where it does not. The bytes need not be
 * valid JSON, which is for the parser to say.
 */
export function beyondJsonLimits(bytes: Uint8Array): string | undefined {
  let values = 0;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (quoted) {
      if (byte === BACKSLASH) at++;
    } else if (byte === COMMA) values++;
    else if (byte === 0x7b || byte === 0x5b) {
      values++;
      if (++depth > MAX_DEPTH) return `the body is nested deeper than ${MAX_DEPTH}`;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    if (values > MAX_VALUES) return `the body holds more than ${MAX_VALUES} values`;
  }
  return undefined;
}

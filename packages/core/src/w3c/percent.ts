const HEX = '0123456789ABCDEF';
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Returns `text` with every character that is not `plain` percent-encoded as UTF-8; lone surrogates become U+FFFD. */
export function percentEncode(text: string, plain: (code: number) => boolean): string {
  let at = 0;
  while (at < text.length && plain(text.charCodeAt(at))) at++;
  if (at === text.length) return text;
  let encoded = text.slice(0, at);
  for (const char of text.slice(at).toWellFormed()) {
    if (plain(char.charCodeAt(0))) {
      encoded += char;
      continue;
    }
    for (const byte of encoder.encode(char)) encoded += `%${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`;
  }
  return encoded;
}

/**
 * Returns `text` with percent-encoding decoded as UTF-8. What is not UTF-8, and a `%` without two hex digits, becomes
 * U+FFFD. W3C Baggage, 3.3.1.
 */
export function percentDecode(text: string): string {
  let decoded = '';
  let at = 0;
  while (at < text.length) {
    const percent = text.indexOf('%', at);
    if (percent < 0) return decoded + text.slice(at);
    decoded += text.slice(at, percent);
    at = percent;
    const bytes: number[] = [];
    while (text.charCodeAt(at) === 37) {
      const high = hexDigit(text.charCodeAt(at + 1));
      const low = hexDigit(text.charCodeAt(at + 2));
      if (high < 0 || low < 0) break;
      bytes.push(high * 16 + low);
      at += 3;
    }
    if (bytes.length > 0) decoded += decoder.decode(Uint8Array.from(bytes));
    else {
      decoded += '\uFFFD';
      at++;
    }
  }
  return decoded;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}

import { diag } from '@opentelemetry/api';

// One set for the process, whichever copies of this package are loaded: a cause is told once.
const toldKey = Symbol.for('throughline.told');
const MAX_CAUSES = 1000;

/** Warns through OpenTelemetry's `diag`, once for each cause. Control characters in the message are replaced. */
export function warnOnce(cause: string, message: string): void {
  const holder = globalThis as { [toldKey]?: Set<string> };
  const told = (holder[toldKey] ??= new Set());
  if (told.has(cause) || told.size >= MAX_CAUSES) return;
  told.add(cause);
  diag.warn(`throughline: ${printable(message)}`);
}

/** Returns `text` with control characters and lone surrogates replaced by U+FFFD, safe for an attribute or a log line. */
export function printable(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (
      code < 0x20 ||
      (code >= 0x7f && code < 0xa0) ||
      (code >= 0xd800 && code <= 0xdfff) ||
      code === 0x2028 ||
      code === 0x2029
    ) {
      // oxlint-disable-next-line no-control-regex -- the control characters are what it is for
      return text.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
    }
  }
  return text;
}

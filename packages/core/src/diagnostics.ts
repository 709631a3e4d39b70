import { diag } from '@opentelemetry/api';
import { printable } from './printable.ts';

// One account for the process, whichever copies of this package are loaded: by cause, what was told of it.
const toldKey = Symbol.for('throughline.warnings');
const MAX_CAUSES = 1000;
const MAX_SUBJECTS = 100;
/** As long as the name of a host can be. RFC 1035, 2.3.4, without the dot at its end. */
export const MAX_HOST = 253;
// The transport, before a host.
const MAX_PREFIX = 32;
const MAX_MESSAGE = 2000;

/**
 * Warns through OpenTelemetry's `diag`, once for each cause. A cause is a fixed word of the code that warns; what comes from
 * outside, such as the name of a host, is for {@link warnOncePer}. What of the message is not printable is written out. Never throws.
 */
export function warnOnce(cause: string, message: string): void {
  const told = toldOf(cause);
  if (told.has('')) return;
  told.add('');
  warn(message);
}

/**
 * Warns as {@link warnOnce} does, once for each subject of a cause: the first 100 of them, and then that further ones are not
 * told. No other cause is told less for it. Subjects longer than the name of a host are one: the message must not name them.
 */
export function warnOncePer(cause: string, subject: string, message: string): void {
  const told = toldOf(cause);
  const known = subject.length > MAX_HOST + MAX_PREFIX ? '' : subject;
  if (told.size > MAX_SUBJECTS || told.has(known)) return;
  told.add(known);
  if (told.size <= MAX_SUBJECTS) warn(message);
  else warn(`more than ${MAX_SUBJECTS} warnings of one kind (${cause}): further ones are not told.`);
}

function toldOf(cause: string): Set<string> {
  const holder = globalThis as { [toldKey]?: Map<string, Set<string>> };
  const causes = (holder[toldKey] ??= new Map());
  let told = causes.get(cause);
  if (told === undefined) {
    // There are a few dozen, unless somebody makes causes of what comes from outside: told twice is better than never.
    if (causes.size >= MAX_CAUSES) causes.clear();
    causes.set(cause, (told = new Set()));
  }
  return told;
}

function warn(message: string): void {
  try {
    diag.warn(`throughline: ${printable(message, MAX_MESSAGE)}`);
  } catch {
    // A logger that throws is the application's own.
  }
}

/** Returns a thrown value as text; it may be one that cannot be turned into text. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that has no text';
  }
}

import { parseLineage } from '../lineage/codec.ts';
import { parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';

/** What a handle says. Each part that is there is valid. */
export interface HandleFields {
  /** When it was saved, in milliseconds since the epoch. */
  readonly savedAt: number;
  /** The span that saved it; `undefined` where there was none to continue. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** The value of the lineage member. */
  readonly lineage: string | undefined;
}

const VERSION = 'tl1';
const NONE = '-';
/** No handle is longer. Longer text is not read. */
export const MAX_HANDLE = 1024;
// What W3C asks vendors to pass on at least (Trace Context Level 2, 3.3.1.5), and what of it goes first.
const MAX_STATE = 512;
const LARGE_MEMBER = 128;
// Until the year 5188.
const MAX_MOMENT = 9;

/**
 * Returns the text of a handle: letters, digits, `-`, `.`, `_` and `~`, which are safe in a URL, a file name and a column of
 * any database. At most 1024 characters, and 110 or so where there is no `tracestate`.
 *
 *     tl1~m1z5kq2o~00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01~cm9qbz0wMGYw~1.2.32.1.-.-.9kp2xa
 *     ─── ──────── ─────────────────────────────────────────────────────── ──────────── ───────────────────
 *     version      traceparent                                             tracestate, in base64url
 *         saved at, ms in base 36                                                       lineage
 *
 * `-` stands for what is not there. A `tracestate` past 512 bytes loses whole members.
 */
export function formatHandle({ savedAt, traceparent, tracestate, lineage }: HandleFields): string {
  const state = traceparent === undefined || tracestate === undefined ? '' : base64url(shortened(tracestate));
  return [VERSION, savedAt.toString(36), traceparent ?? NONE, state || NONE, lineage ?? NONE].join('~');
}

/**
 * Returns what a handle says, or `undefined` where the text is none: of a later version, cut off, or changed into something
 * that no part of a trace context can be. Total: it never throws, whatever the store gives back.
 */
export function parseHandle(handle: unknown): HandleFields | undefined {
  if (typeof handle !== 'string' || handle.length > MAX_HANDLE) return undefined;
  // A column of fixed width fills up with blanks.
  const [version, saved, traceparent, state, ...path] = handle.trim().split('~');
  if (version !== VERSION || saved === undefined || traceparent === undefined || state === undefined) return undefined;
  // The lineage comes last: its own path is joined by `~` too.
  const lineage = path.join('~');
  const savedAt = momentOf(saved);
  if (savedAt === undefined) return undefined;
  if (traceparent !== NONE && parseTraceparent(traceparent) === undefined) return undefined;
  if (lineage !== NONE && parseLineage(lineage) === undefined) return undefined;
  const tracestate = state === NONE ? undefined : fromBase64url(state);
  if (state !== NONE && (traceparent === NONE || parseTracestate(tracestate) === undefined)) return undefined;
  return {
    savedAt,
    traceparent: traceparent === NONE ? undefined : traceparent,
    tracestate,
    lineage: lineage === NONE ? undefined : lineage,
  };
}

// Whole members go: first those that are large, then from the end, where the oldest are (Trace Context Level 2, 3.3.1.5).
function shortened(tracestate: string): string {
  if (tracestate.length <= MAX_STATE) return tracestate;
  const members = tracestate.split(',');
  let length = tracestate.length;
  for (let at = members.length - 1; at >= 0 && length > MAX_STATE; at--) {
    const member = members[at] as string;
    if (member.length > LARGE_MEMBER) length -= (members.splice(at, 1)[0] as string).length + 1;
  }
  while (length > MAX_STATE) length -= (members.pop() as string).length + 1;
  return members.join(',');
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64url(text: string): string | undefined {
  if (!/^[\w-]+$/.test(text)) return undefined;
  try {
    return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    // A length that no base64 has.
    return undefined;
  }
}

function momentOf(text: string): number | undefined {
  return text.length <= MAX_MOMENT && /^[0-9a-z]+$/.test(text) ? Number.parseInt(text, 36) : undefined;
}

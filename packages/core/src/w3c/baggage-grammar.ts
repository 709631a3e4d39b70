import { baggageEntryMetadataFromString } from '@opentelemetry/api';
import type { BaggageEntryMetadata } from '@opentelemetry/api';
import type { Limits } from './limits.ts';
import { percentDecode, percentEncode } from './percent.ts';

// What the text of a field is made of: members, keys, values, metadata. W3C Baggage, 3.2.

const COMMA = 44;
const SEMICOLON = 59;
const EQUALS = 61;
const PERCENT = 37;

// What a character may be part of, in one look-up: an RFC 9110 `token`, which keys are, and a `baggage-octet`, which is
// printable ASCII but space, `"`, `,`, `;` and `\\`.
const TOKEN = 1;
const OCTET = 2;
const CLASSES = new Uint8Array(128);
for (let code = 0x21; code <= 0x7e; code++) if (!'",;\\'.includes(String.fromCharCode(code))) CLASSES[code] = OCTET;
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  CLASSES[char.charCodeAt(0)] = TOKEN | OCTET;
}

/** Side by side, not a map of entries: most baggage is passed on and never looked into. Keys are unique. */
export interface Members {
  readonly keys: string[];
  readonly values: string[];
  metadata: (BaggageEntryMetadata | undefined)[] | undefined;
}

/** What {@link readMember} found: no member, one that is not sent on as it came, and one that is. */
export const INVALID = 0;
export const REWRITTEN = 1;
const VERBATIM = 2;

/** Reads the member between two places of a field into `members`, and returns in which form it stands there. */
export function readMember(text: string, start: number, end: number, members: Members): number {
  let form = VERBATIM;
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  const keyStart = at;
  let encoded = false;
  let code = 0;
  for (; at < end; at++) {
    code = text.charCodeAt(at);
    if (code > 127 || ((CLASSES[code] as number) & TOKEN) === 0) break;
    if (code === PERCENT) encoded = true;
  }
  const keyEnd = at;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  if (keyEnd === keyStart || at === end || text.charCodeAt(at) !== EQUALS) return INVALID;
  at++;
  let key = text.slice(keyStart, keyEnd);
  if (encoded) key = percentDecode(key);
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  const valueStart = at;
  encoded = false;
  let blank = false;
  for (; at < end; at++) {
    code = text.charCodeAt(at);
    if (code === PERCENT) encoded = true;
    else if (code > 127 || ((CLASSES[code] as number) & OCTET) === 0) {
      if (code === SEMICOLON) break;
      if (isBlank(code)) blank = true;
      else form = REWRITTEN;
    }
  }
  let valueEnd = at;
  while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
  let value = text.slice(valueStart, valueEnd);
  // Blanks may stand around a value, and not in it.
  if (blank && (value.includes(' ') || value.includes('\t'))) form = REWRITTEN;
  if (encoded) {
    value = percentDecode(value);
    // Text that does not survive decoding is not sent on as it came.
    if (value.includes('\uFFFD')) form = REWRITTEN;
  }
  if (form === REWRITTEN) value = value.toWellFormed();
  let metadata: BaggageEntryMetadata | undefined;
  if (at < end) {
    const raw = text.slice(at + 1, end);
    // Before it is trimmed: a line break around it would be sent on, too.
    if (!isPrintable(raw)) form = REWRITTEN;
    const properties = raw.trim();
    if (properties.length > 0) metadata = baggageEntryMetadataFromString(properties);
  }
  // Of duplicated keys the last one counts, in the place of the first.
  let place = members.keys.length === 0 ? -1 : members.keys.indexOf(key);
  if (place < 0) place = members.keys.push(key) - 1;
  else form = REWRITTEN;
  members.values[place] = value;
  if (metadata !== undefined || members.metadata !== undefined) (members.metadata ??= [])[place] = metadata;
  return form;
}

/**
 * Returns whether every member is in its plainest form: a key, `=`, a value, no blanks, no metadata, nothing encoded but single
 * ASCII characters of a value, which are sure to decode. Such text is sent on as it is, and its members are taken apart only
 * when somebody asks for them.
 */
export function isPlain(text: string, limits: Limits): boolean {
  const length = text.length;
  if (length > limits.baggageBytes) return false;
  let members = 0;
  let at = 0;
  while (at < length) {
    const start = at;
    let code = 0;
    for (; at < length; at++) {
      code = text.charCodeAt(at);
      if (code > 127 || ((CLASSES[code] as number) & TOKEN) === 0 || code === PERCENT) break;
    }
    if (at === start || at === length || code !== EQUALS || ++members > limits.baggageMembers) return false;
    for (at++; at < length; at++) {
      code = text.charCodeAt(at);
      if (code === PERCENT) {
        if (!isEncodedAscii(text, at)) return false;
        at += 2;
      } else if (code > 127 || ((CLASSES[code] as number) & OCTET) === 0) break;
    }
    if (at >= length) return true;
    if (code !== COMMA) return false;
    at++;
  }
  return false;
}

// `%00` to `%7F`.
function isEncodedAscii(text: string, at: number): boolean {
  const high = text.charCodeAt(at + 1);
  return high >= 0x30 && high <= 0x37 && isHex(text.charCodeAt(at + 2));
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

/** Returns one member, encoded so that it can add no other and no header, or `undefined` where there is nothing to send. */
export function formatMember(key: unknown, entry: unknown): string | undefined {
  if (typeof key !== 'string' || key.length === 0) return undefined;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { value, metadata } = entry as { value?: unknown; metadata?: unknown };
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'string' ? value : textOf(value);
  if (text === undefined) return undefined;
  const member = `${percentEncode(key, isKeyOctet)}=${formatValue(text)}`;
  const properties = metadata === undefined || metadata === null ? '' : textOf(metadata);
  return properties ? `${member};${percentEncode(properties, isMetadataOctet)}` : member;
}

/** Returns the value of a member, encoded so that it ends where it ends. */
export function formatValue(value: string): string {
  return percentEncode(value, isValueOctet);
}

function textOf(value: unknown): string | undefined {
  try {
    return String(value);
  } catch {
    return undefined;
  }
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function isKeyOctet(code: number): boolean {
  return code !== PERCENT && code < 128 && ((CLASSES[code] as number) & TOKEN) !== 0;
}

function isValueOctet(code: number): boolean {
  return code !== PERCENT && code < 128 && ((CLASSES[code] as number) & OCTET) !== 0;
}

function isMetadataOctet(code: number): boolean {
  return code >= 0x20 && code <= 0x7e && code !== COMMA;
}

function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 9) || code > 0x7e) return false;
  }
  return true;
}

import { baggageEntryMetadataFromString } from '@opentelemetry/api';
import type { Baggage, BaggageEntry } from '@opentelemetry/api';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { percentDecode, percentEncode } from './percent.ts';

const COMMA = 44;
const SEMICOLON = 59;
const EQUALS = 61;
const PERCENT = 37;

/**
 * Returns the baggage that a field holds, or `undefined` where it holds none. Members that are not well-formed are left
 * out; whole members are dropped from the end past the limits; an empty value is a value; malformed percent-encoding
 * becomes U+FFFD. Total: it never throws. W3C Baggage, 3.2 and 3.3.
 */
export function parseBaggage(text: unknown, limits: Limits = defaultLimits): Baggage | undefined {
  if (typeof text !== 'string' || text.length === 0) return undefined;
  const length = text.length;
  const members = new Map<string, BaggageEntry>();
  // `end` is one past the last byte that the limit lets in: a member that reaches beyond it is dropped, and all after it.
  const end = limits.baggageBytes;
  // The text itself can be sent on as it is only while every member of it stays, in its own form.
  let canonical = length <= end;
  let seen = 0;
  let start = 0;
  while (start < length) {
    let comma = text.indexOf(',', start);
    if (comma < 0) comma = length;
    if (comma > end || seen === limits.baggageMembers) {
      canonical = false;
      break;
    }
    const parsed = readMember(text, start, comma, members);
    if (parsed === INVALID) canonical = false;
    else {
      seen++;
      if (parsed === REWRITTEN) canonical = false;
    }
    start = comma + 1;
  }
  if (members.size === 0) return undefined;
  return new MemberBaggage(members, canonical && text.charCodeAt(length - 1) !== COMMA ? text : undefined);
}

const INVALID = 0;
const REWRITTEN = 1;
const VERBATIM = 2;

function readMember(text: string, start: number, end: number, members: Map<string, BaggageEntry>): number {
  let verbatim = VERBATIM;
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  const keyStart = at;
  let keyEncoded = false;
  while (at < end && isToken(text.charCodeAt(at))) {
    if (text.charCodeAt(at) === PERCENT) keyEncoded = true;
    at++;
  }
  const keyEnd = at;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  if (keyEnd === keyStart || at === end || text.charCodeAt(at) !== EQUALS) return INVALID;
  at++;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  const valueStart = at;
  let valueEncoded = false;
  let code = 0;
  for (; at < end; at++) {
    code = text.charCodeAt(at);
    if (code === SEMICOLON) break;
    if (code === PERCENT) valueEncoded = true;
    else if (!isBaggageOctet(code)) {
      if (!isBlank(code)) verbatim = REWRITTEN;
    }
  }
  let valueEnd = at;
  while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
  let key = text.slice(keyStart, keyEnd);
  let value = text.slice(valueStart, valueEnd);
  if (keyEncoded) key = percentDecode(key);
  if (valueEncoded) {
    value = percentDecode(value);
    // Text that does not survive decoding is not sent on as it came.
    if (value.includes('\uFFFD')) verbatim = REWRITTEN;
  }
  if (verbatim === REWRITTEN) value = value.toWellFormed();
  const entry: BaggageEntry = { value };
  if (at < end) {
    const metadata = text.slice(at + 1, end).trim();
    if (!isPrintable(metadata)) verbatim = REWRITTEN;
    if (metadata.length > 0) entry.metadata = baggageEntryMetadataFromString(metadata);
  }
  if (members.has(key)) verbatim = REWRITTEN;
  members.set(key, entry);
  return verbatim;
}

/**
 * Returns the `baggage` field for these members, or `undefined` where there is nothing to send. Whole members are dropped
 * from the end past the limits. Keys, values and metadata are encoded so that none can add a member or a header; lone
 * surrogates become U+FFFD. W3C Baggage, 3.2 and 3.3.
 */
export function formatBaggage(baggage: Baggage | undefined, limits: Limits = defaultLimits): string | undefined {
  if (typeof baggage !== 'object' || baggage === null) return undefined;
  if (baggage instanceof MemberBaggage) {
    const verbatim = baggage.verbatim;
    if (verbatim !== undefined && verbatim.length <= limits.baggageBytes && baggage.size <= limits.baggageMembers) {
      return verbatim;
    }
  }
  let text = '';
  let count = 0;
  for (const [key, entry] of entriesOf(baggage)) {
    const member = formatMember(key, entry);
    if (member === undefined) continue;
    const separator = count === 0 ? 0 : 1;
    if (count === limits.baggageMembers || text.length + separator + member.length > limits.baggageBytes) break;
    text = separator === 0 ? member : `${text},${member}`;
    count++;
  }
  return count === 0 ? undefined : text;
}

function entriesOf(baggage: Baggage): Iterable<[string, BaggageEntry]> {
  // A foreign implementation of the interface may be anything; ours cannot throw.
  try {
    const entries: unknown = baggage.getAllEntries();
    return Array.isArray(entries) ? (entries as [string, BaggageEntry][]) : [];
  } catch {
    return [];
  }
}

function formatMember(key: unknown, entry: unknown): string | undefined {
  if (typeof key !== 'string' || key.length === 0) return undefined;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { value, metadata } = entry as { value?: unknown; metadata?: unknown };
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'string' ? value : textOf(value);
  if (text === undefined) return undefined;
  const member = `${percentEncode(key, isKeyOctet)}=${percentEncode(text, isValueOctet)}`;
  const properties = metadata === undefined || metadata === null ? '' : textOf(metadata);
  return properties ? `${member};${percentEncode(properties, isMetadataOctet)}` : member;
}

function textOf(value: unknown): string | undefined {
  try {
    return String(value);
  } catch {
    return undefined;
  }
}

// A class, not closures: made on every inbound hop that carries baggage, and mostly passed on untouched.
class MemberBaggage implements Baggage {
  readonly #members: ReadonlyMap<string, BaggageEntry>;
  /** The field this was read from, while it can be sent on as it is. */
  readonly verbatim: string | undefined;

  constructor(members: ReadonlyMap<string, BaggageEntry>, verbatim: string | undefined) {
    this.#members = members;
    this.verbatim = verbatim;
  }

  get size(): number {
    return this.#members.size;
  }

  getEntry(key: string): BaggageEntry | undefined {
    const entry = this.#members.get(key);
    return entry === undefined ? undefined : { ...entry };
  }

  getAllEntries(): [string, BaggageEntry][] {
    return [...this.#members];
  }

  setEntry(key: string, entry: BaggageEntry): Baggage {
    return new MemberBaggage(new Map(this.#members).set(key, entry), undefined);
  }

  removeEntry(key: string): Baggage {
    return this.removeEntries(key);
  }

  removeEntries(...keys: string[]): Baggage {
    const members = new Map(this.#members);
    for (const key of keys) members.delete(key);
    return new MemberBaggage(members, undefined);
  }

  clear(): Baggage {
    return new MemberBaggage(new Map(), undefined);
  }
}

/** Returns the members of `baggage` whose key is kept, or the same object where all are; `undefined` where none is. */
export function filterBaggage(baggage: Baggage | undefined, keeps: (key: string) => boolean): Baggage | undefined {
  if (baggage === undefined) return undefined;
  const entries = [...entriesOf(baggage)];
  const kept = entries.filter(([key]) => keeps(key));
  if (kept.length === 0) return undefined;
  return kept.length === entries.length ? baggage : new MemberBaggage(new Map(kept), undefined);
}

/** Returns how many members there are. */
export function baggageSize(baggage: Baggage | undefined): number {
  if (baggage === undefined) return 0;
  return baggage instanceof MemberBaggage ? baggage.size : [...entriesOf(baggage)].length;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

// RFC 9110 `token`, one table for all 128: the class of a character costs one look-up.
const TOKEN = new Uint8Array(128);
const OCTET = new Uint8Array(128);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = 1;
}
// baggage-octet: printable ASCII but space, `"`, `,`, `;` and `\`.
for (let code = 0x21; code <= 0x7e; code++) {
  if (code !== 0x22 && code !== 0x2c && code !== 0x3b && code !== 0x5c) OCTET[code] = 1;
}

function isToken(code: number): boolean {
  return code < 128 && TOKEN[code] === 1;
}

function isBaggageOctet(code: number): boolean {
  return code < 128 && OCTET[code] === 1;
}

function isKeyOctet(code: number): boolean {
  return code !== PERCENT && isToken(code);
}

function isValueOctet(code: number): boolean {
  return code !== PERCENT && isBaggageOctet(code);
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

import { baggageEntryMetadataFromString } from '@opentelemetry/api';
import type { Baggage, BaggageEntry, BaggageEntryMetadata } from '@opentelemetry/api';
import { LineageBaggage } from './lineage-baggage.ts';
import { LINEAGE_KEY } from './lineage-codec.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { percentDecode, percentEncode } from './percent.ts';

const COMMA = 44;
const SEMICOLON = 59;
const EQUALS = 61;
const PERCENT = 37;

const LINEAGE_MEMBER = `${LINEAGE_KEY}=`;

/**
 * Returns the baggage that a field holds, or `undefined` where it holds none. Members that are not well-formed are left
 * out; whole members are dropped from the end past the limits; an empty value is a value; malformed percent-encoding
 * becomes U+FFFD. Total: it never throws. W3C Baggage, 3.2 and 3.3.
 */
export function parseBaggage(text: unknown, limits: Limits = defaultLimits): Baggage | undefined {
  if (typeof text !== 'string' || text.length === 0) return undefined;
  // What arrives one after the other is often at the same place in its chain, with no baggage of a user's.
  if (text === lastText) return lastBaggage;
  if (text.startsWith(LINEAGE_MEMBER)) {
    const comma = text.indexOf(',');
    const end = comma < 0 ? text.length : comma;
    // With a property, or a second one of its kind, it is not as we write it.
    if (text.lastIndexOf(LINEAGE_KEY) === 0 && !text.slice(0, end).includes(';')) {
      const user = end + 1 < text.length ? parseUserBaggage(text.slice(end + 1), limits) : undefined;
      const baggage = new LineageBaggage(user, text.slice(LINEAGE_MEMBER.length, end).trim());
      if (comma < 0) {
        lastText = text;
        lastBaggage = baggage;
      }
      return baggage;
    }
  }
  const baggage = parseUserBaggage(text, limits);
  if (baggage === undefined || !text.includes(LINEAGE_KEY)) return baggage;
  const lineage = baggage.getEntry(LINEAGE_KEY)?.value;
  if (lineage === undefined) return baggage;
  const user = baggage.removeEntry(LINEAGE_KEY);
  return new LineageBaggage(baggageSize(user) === 0 ? undefined : user, lineage);
}

let lastText: string | undefined;
let lastBaggage: LineageBaggage | undefined;

function parseUserBaggage(text: string, limits: Limits): MemberBaggage | undefined {
  if (isPlain(text, limits)) return new MemberBaggage(undefined, text, limits);
  const length = text.length;
  const members: Members = { keys: [], values: [], metadata: undefined };
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
  if (members.keys.length === 0) return undefined;
  return new MemberBaggage(members, canonical && text.charCodeAt(length - 1) !== COMMA ? text : undefined, limits);
}

// Whether every member is in its plainest form: a key, `=`, a value, no blanks, no metadata, nothing encoded but single ASCII
// characters of a value, which are sure to decode. Such text is sent on as it is, and its members are taken apart only when
// somebody asks for them.
function isPlain(text: string, limits: Limits): boolean {
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

function readPlain(text: string): Members {
  const members: Members = { keys: [], values: [], metadata: undefined };
  let start = 0;
  while (start < text.length) {
    const comma = text.indexOf(',', start);
    const end = comma < 0 ? text.length : comma;
    readMember(text, start, end, members);
    start = end + 1;
  }
  return members;
}

// Side by side, not a map of entries: most baggage is passed on and never looked into. Keys are unique.
interface Members {
  readonly keys: string[];
  readonly values: string[];
  metadata: (BaggageEntryMetadata | undefined)[] | undefined;
}

const INVALID = 0;
const REWRITTEN = 1;
const VERBATIM = 2;

function readMember(text: string, start: number, end: number, members: Members): number {
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
 * Returns the `baggage` field for these members, or `undefined` where there is nothing to send. Whole members are dropped
 * from the end past the limits. Keys, values and metadata are encoded so that none can add a member or a header; lone
 * surrogates become U+FFFD. W3C Baggage, 3.2 and 3.3.
 */
export function formatBaggage(baggage: Baggage | undefined, limits: Limits = defaultLimits): string | undefined {
  if (typeof baggage !== 'object' || baggage === null) return undefined;
  if (baggage instanceof LineageBaggage) return formatWithLineage(baggage, limits);
  if (baggage instanceof MemberBaggage) {
    if (baggage.verbatim !== undefined && baggage.within(limits)) return baggage.verbatim;
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

let lastLineage: string | undefined;
let lastMember: string | undefined;

// Lineage comes first: what is past the limits is dropped from the end.
function formatWithLineage({ user, lineage }: LineageBaggage, limits: Limits): string | undefined {
  if (lineage !== lastLineage) {
    lastMember = formatMember(LINEAGE_KEY, { value: lineage });
    lastLineage = lineage;
  }
  const member = lastMember;
  if (member === undefined || limits.baggageMembers === 0 || member.length > limits.baggageBytes) return undefined;
  if (user === undefined) return member;
  const left = limits.baggageBytes - member.length - 1;
  const verbatim = user instanceof MemberBaggage ? user.verbatim : undefined;
  // A member takes two characters and a comma at the least.
  const rest =
    verbatim !== undefined && verbatim.length <= left && verbatim.length / 3 + 1 < limits.baggageMembers
      ? verbatim
      : formatBaggage(user, { ...limits, baggageBytes: left, baggageMembers: limits.baggageMembers - 1 });
  return rest === undefined ? member : `${member},${rest}`;
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
  #lazy: Members | undefined;
  readonly #limits: Limits;
  /** The field this was read from, while it can be sent on as it is. */
  readonly verbatim: string | undefined;

  constructor(members: Members | undefined, verbatim: string | undefined, limits: Limits) {
    this.#lazy = members;
    this.verbatim = verbatim;
    this.#limits = limits;
  }

  get #members(): Members {
    return (this.#lazy ??= readPlain(this.verbatim ?? ''));
  }

  /** Whether `verbatim` is known to be within these limits. */
  within(limits: Limits): boolean {
    if (limits === this.#limits) return true;
    const text = this.verbatim ?? '';
    return text.length <= limits.baggageBytes && membersOf(text) <= limits.baggageMembers;
  }

  get size(): number {
    return this.#members.keys.length;
  }

  getEntry(key: string): BaggageEntry | undefined {
    // An encoded key is never in plain text.
    if (this.#lazy === undefined && !(this.verbatim ?? '').includes(key)) return undefined;
    const place = this.#members.keys.indexOf(key);
    return place < 0 ? undefined : this.#entry(place);
  }

  getAllEntries(): [string, BaggageEntry][] {
    return this.#members.keys.map((key, place) => [key, this.#entry(place)]);
  }

  setEntry(key: string, entry: BaggageEntry): Baggage {
    return baggageOf([...this.getAllEntries().filter(([other]) => other !== key), [key, entry]]);
  }

  removeEntry(key: string): Baggage {
    return this.removeEntries(key);
  }

  removeEntries(...keys: string[]): Baggage {
    return baggageOf(this.getAllEntries().filter(([key]) => !keys.includes(key)));
  }

  clear(): Baggage {
    return baggageOf([]);
  }

  #entry(place: number): BaggageEntry {
    const value = this.#members.values[place] as string;
    const metadata = this.#members.metadata?.[place];
    return metadata === undefined ? { value } : { value, metadata };
  }
}

// As they are written: a key may be there twice.
function membersOf(text: string): number {
  let members = 1;
  for (let at = text.indexOf(','); at >= 0; at = text.indexOf(',', at + 1)) members++;
  return members;
}

function baggageOf(entries: readonly (readonly [string, BaggageEntry])[]): Baggage {
  const members: Members = { keys: [], values: [], metadata: [] };
  for (const [key, { value, metadata }] of entries) {
    members.keys.push(key);
    members.values.push(value);
    members.metadata?.push(metadata);
  }
  return new MemberBaggage(members, undefined, defaultLimits);
}

/** Returns the members of `baggage` whose key is kept, or the same object where all are; `undefined` where none is. */
export function filterBaggage(baggage: Baggage | undefined, keeps: (key: string) => boolean): Baggage | undefined {
  if (baggage === undefined) return undefined;
  const entries = [...entriesOf(baggage)];
  const kept = entries.filter(([key]) => keeps(key));
  if (kept.length === 0) return undefined;
  return kept.length === entries.length ? baggage : baggageOf(kept);
}

/** Returns how many members there are. */
export function baggageSize(baggage: Baggage | undefined): number {
  if (baggage === undefined) return 0;
  return baggage instanceof MemberBaggage ? baggage.size : [...entriesOf(baggage)].length;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

// What a character may be part of, in one look-up: an RFC 9110 `token`, which keys are, and a `baggage-octet`, which is
// printable ASCII but space, `"`, `,`, `;` and `\\`.
const TOKEN = 1;
const OCTET = 2;
const CLASSES = new Uint8Array(128);
for (let code = 0x21; code <= 0x7e; code++) if (!'",;\\'.includes(String.fromCharCode(code))) CLASSES[code] = OCTET;
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  CLASSES[char.charCodeAt(0)] = TOKEN | OCTET;
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

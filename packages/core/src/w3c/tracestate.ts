import type { TraceState } from '@opentelemetry/api';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';

const COMMA = 44;
const EQUALS = 61;
const SPACE = 32;
const TAB = 9;
const KEY_LENGTH = 256;
const VALUE_LENGTH = 256;

// The hashes of the keys of one list, while it is read: tells duplicates without taking the keys out. Reused: reading is
// synchronous. Grows where the limit lets a longer list in.
let hashes = new Int32Array(64);

/**
 * Returns the list that a `tracestate` holds, or `undefined` where it holds none: an invalid member, or more than 32 of
 * them, drops the whole list; of duplicated keys the first, which is the newest, stays. A list that nobody changes
 * serialises to the bytes it came in. Total: it never throws. Trace Context Level 2, 3.3.
 */
export function parseTracestate(text: unknown, limits: Limits = defaultLimits): TraceState | undefined {
  if (typeof text !== 'string' || text.length === 0 || text.length > limits.fieldBytes) return undefined;
  // Duplicated members do not count, so more are written than stay: twice as many, and no list without end.
  const mostWritten = limits.tracestateMembers * 2;
  const length = text.length;
  let count = 0;
  let duplicates = false;
  let at = 0;
  while (at <= length) {
    while (at < length && isBlank(text.charCodeAt(at))) at++;
    const keyStart = at;
    // A key is read up to its `=`, a value up to its comma; whatever the grammar does not allow ends the whole list.
    let code = COMMA;
    let hash = 0;
    for (; at < length; at++) {
      code = text.charCodeAt(at);
      if (code > 127 || ((CLASSES[code] as number) & KEY) === 0) break;
      hash = (Math.imul(hash, 31) + code) | 0;
    }
    const keyEnd = at;
    if (keyEnd === length || code === COMMA) {
      if (keyEnd !== keyStart) return undefined;
      at++;
      continue;
    }
    if (code !== EQUALS || keyEnd === keyStart || keyEnd - keyStart > KEY_LENGTH) return undefined;
    if (((CLASSES[text.charCodeAt(keyStart)] as number) & KEY_START) === 0) return undefined;
    const valueStart = ++at;
    let valueEnd = valueStart;
    let tab = false;
    for (; at < length; at++) {
      code = text.charCodeAt(at);
      if (code < 128 && ((CLASSES[code] as number) & VALUE) !== 0) {
        // A tab may stand only in the optional white space behind a value.
        if (tab) return undefined;
        valueEnd = at + 1;
      } else if (code === COMMA) break;
      else if (code === TAB) tab = true;
      else if (code !== SPACE) return undefined;
    }
    if (valueEnd === valueStart || valueEnd - valueStart > VALUE_LENGTH) return undefined;
    for (let other = 0; other < count && !duplicates; other++) duplicates = hashes[other] === hash;
    if (count >= mostWritten || (!duplicates && count >= limits.tracestateMembers)) return undefined;
    if (count === hashes.length) {
      const grown = new Int32Array(count * 2);
      grown.set(hashes);
      hashes = grown;
    }
    hashes[count++] = hash;
    at++;
  }
  if (count === 0) return undefined;
  if (!duplicates) return new MemberList(undefined, text, limits);
  // Two keys are, or hash, alike: only now are the members taken apart.
  const members = membersOf(text);
  if (members.length > limits.tracestateMembers * 2) return undefined;
  return new MemberList(members, members.length === count * 2 ? text : undefined, limits);
}

// Takes a list apart that is known to follow the grammar; of duplicated keys the first stays.
function membersOf(text: string): string[] {
  const members: string[] = [];
  for (const member of text.split(',')) {
    const equals = member.indexOf('=');
    if (equals < 0) continue;
    const key = member.slice(0, equals).trimStart();
    if (indexOfKey(members, key) < 0) members.push(key, member.slice(equals + 1).trimEnd());
  }
  return members;
}

/** Whether this list came from {@link parseTracestate} and is within these limits, so that it needs no reading again. */
export function isParsedTracestate(state: TraceState, limits: Limits): boolean {
  return state instanceof MemberList && state.within(limits);
}

// A class, not closures: a list is made on every inbound hop, and is then mostly passed on untouched.
class MemberList implements TraceState {
  // Key, value, key, value, …, the newest first.
  #lazy: readonly string[] | undefined;
  #text: string | undefined;
  readonly #limits: Limits;

  constructor(members: readonly string[] | undefined, text: string | undefined, limits: Limits) {
    this.#lazy = members;
    this.#text = text;
    this.#limits = limits;
  }

  within(limits: Limits): boolean {
    return limits === this.#limits || this.#members.length <= limits.tracestateMembers * 2;
  }

  get #members(): readonly string[] {
    return (this.#lazy ??= membersOf(this.#text ?? ''));
  }

  get(key: string): string | undefined {
    const at = indexOfKey(this.#members, key);
    return at < 0 ? undefined : this.#members[at + 1];
  }

  // Returns a list with this member in front; a member that the grammar does not allow changes nothing.
  set(key: string, value: string): TraceState {
    if (!isMember(key, value)) return this;
    const rest = without(this.#members, key);
    return new MemberList([key, value, ...rest].slice(0, this.#limits.tracestateMembers * 2), undefined, this.#limits);
  }

  unset(key: string): TraceState {
    return indexOfKey(this.#members, key) < 0
      ? this
      : new MemberList(without(this.#members, key), undefined, this.#limits);
  }

  serialize(): string {
    if (this.#text === undefined) {
      let text = '';
      for (let at = 0; at < this.#members.length; at += 2) {
        text += `${at === 0 ? '' : ','}${this.#members[at]}=${this.#members[at + 1]}`;
      }
      this.#text = text;
    }
    return this.#text;
  }
}

function isMember(key: unknown, value: unknown): boolean {
  if (typeof key !== 'string' || typeof value !== 'string') return false;
  if (key.length === 0 || key.length > KEY_LENGTH || !isOf(key.charCodeAt(0), KEY_START)) return false;
  for (let at = 1; at < key.length; at++) if (!isOf(key.charCodeAt(at), KEY)) return false;
  if (value.length === 0 || value.length > VALUE_LENGTH || value.endsWith(' ')) return false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code !== SPACE && !isOf(code, VALUE)) return false;
  }
  return true;
}

function indexOfKey(members: readonly string[], key: string): number {
  for (let at = 0; at < members.length; at += 2) if (members[at] === key) return at;
  return -1;
}

function without(members: readonly string[], key: string): string[] {
  const at = indexOfKey(members, key);
  return at < 0 ? [...members] : [...members.slice(0, at), ...members.slice(at + 2)];
}

// What a character may be part of, in one look-up: the first of a key, any of a key, a value (blanks aside).
const KEY_START = 1;
const KEY = 2;
const VALUE = 4;
const CLASSES = new Uint8Array(128);
for (const char of 'abcdefghijklmnopqrstuvwxyz0123456789') CLASSES[char.charCodeAt(0)] = KEY_START | KEY;
for (const char of '_-*/@') CLASSES[char.charCodeAt(0)] = KEY;
for (let code = 0x21; code <= 0x7e; code++) {
  if (code !== COMMA && code !== EQUALS) CLASSES[code] = (CLASSES[code] as number) | VALUE;
}

function isOf(code: number, classes: number): boolean {
  return code < 128 && ((CLASSES[code] as number) & classes) !== 0;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

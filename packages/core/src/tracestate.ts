import type { TraceState } from '@opentelemetry/api';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';

const COMMA = 44;
const EQUALS = 61;
const SPACE = 32;
const TAB = 9;
const KEY_LENGTH = 256;
const VALUE_LENGTH = 256;

/**
 * Returns the list that a `tracestate` holds, or `undefined` where it holds none: an invalid member, or more than 32 of
 * them, drops the whole list; of duplicated keys the first, which is the newest, stays. A list that nobody changes
 * serialises to the bytes it came in. Total: it never throws. Trace Context Level 2, 3.3.
 */
export function parseTracestate(text: unknown, limits: Limits = defaultLimits): TraceState | undefined {
  if (typeof text !== 'string' || text.length === 0 || text.length > limits.fieldBytes) return undefined;
  const length = text.length;
  const members: string[] = [];
  let unchanged = true;
  let at = 0;
  while (at <= length) {
    while (at < length && isBlank(text.charCodeAt(at))) at++;
    const keyStart = at;
    let comma = keyStart;
    // A key is read up to its `=`, a value up to its comma; whatever the grammar does not allow ends the whole list.
    while (at < length && isKeyChar(text.charCodeAt(at))) at++;
    if (at === length || text.charCodeAt(at) === COMMA) {
      if (at !== keyStart) return undefined;
      comma = at;
    } else {
      if (text.charCodeAt(at) !== EQUALS || !isKeyStart(text.charCodeAt(keyStart)) || at - keyStart > KEY_LENGTH) {
        return undefined;
      }
      const valueStart = at + 1;
      comma = valueStart;
      let valueEnd = valueStart;
      let tab = false;
      for (; comma < length; comma++) {
        const code = text.charCodeAt(comma);
        if (code === COMMA) break;
        if (code === TAB) {
          tab = true;
          continue;
        }
        if (code < SPACE || code > 126 || code === EQUALS) return undefined;
        if (code !== SPACE) {
          // A tab may stand only in the optional white space behind a value.
          if (tab) return undefined;
          valueEnd = comma + 1;
        }
      }
      if (valueEnd === valueStart || valueEnd - valueStart > VALUE_LENGTH) return undefined;
      const key = text.slice(keyStart, at);
      if (hasKey(members, key)) {
        unchanged = false;
      } else {
        if (members.length === limits.tracestateMembers * 2) return undefined;
        members.push(key, text.slice(valueStart, valueEnd));
      }
    }
    at = comma + 1;
  }
  if (members.length === 0) return undefined;
  return new MemberList(members, unchanged ? text : undefined);
}

// A class, not closures: a list is made on every inbound hop, and is then mostly passed on untouched.
class MemberList implements TraceState {
  // Key, value, key, value, …, the newest first.
  readonly #members: readonly string[];
  #text: string | undefined;

  constructor(members: readonly string[], text: string | undefined) {
    this.#members = members;
    this.#text = text;
  }

  get(key: string): string | undefined {
    const at = indexOfKey(this.#members, key);
    return at < 0 ? undefined : this.#members[at + 1];
  }

  // Returns a list with this member in front; a member that the grammar does not allow changes nothing.
  set(key: string, value: string): TraceState {
    if (!isMember(key, value)) return this;
    const rest = without(this.#members, key);
    return new MemberList([key, value, ...rest].slice(0, defaultLimits.tracestateMembers * 2), undefined);
  }

  unset(key: string): TraceState {
    return indexOfKey(this.#members, key) < 0 ? this : new MemberList(without(this.#members, key), undefined);
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
  if (key.length === 0 || key.length > KEY_LENGTH || !isKeyStart(key.charCodeAt(0))) return false;
  for (let at = 1; at < key.length; at++) if (!isKeyChar(key.charCodeAt(at))) return false;
  if (value.length === 0 || value.length > VALUE_LENGTH || value.endsWith(' ')) return false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < SPACE || code > 126 || code === COMMA || code === EQUALS) return false;
  }
  return true;
}

function indexOfKey(members: readonly string[], key: string): number {
  for (let at = 0; at < members.length; at += 2) if (members[at] === key) return at;
  return -1;
}

function hasKey(members: readonly string[], key: string): boolean {
  return indexOfKey(members, key) >= 0;
}

function without(members: readonly string[], key: string): string[] {
  const at = indexOfKey(members, key);
  return at < 0 ? [...members] : [...members.slice(0, at), ...members.slice(at + 2)];
}

function isKeyStart(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
}

function isKeyChar(code: number): boolean {
  // a-z 0-9 _ - * / @
  return isKeyStart(code) || code === 95 || code === 45 || code === 42 || code === 47 || code === 64;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

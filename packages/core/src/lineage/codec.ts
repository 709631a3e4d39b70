import { rememberingLast } from '../remembered.ts';

/** The baggage member that carries lineage: under 200 bytes with its key, and nothing in it but counts and hashes. */
export const LINEAGE_KEY = 'throughline.lineage';

/** What the member says. */
export interface LineageFields {
  /** Hops taken from the root of the chain to whoever receives this. */
  readonly hops: number;
  readonly maxHops: number;
  /** The product of the attempt numbers along the chain: the ninth of two agents that try three times each. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number | undefined;
  /** Calls that the receiver and all below it may make. */
  readonly budget: number | undefined;
  /** Tokens of models that were left when it was sent. */
  readonly tokens: number | undefined;
  /** Money that was left then, in whole millionths of the user's currency. */
  readonly cost: number | undefined;
  /** Hashes of the last agents that sent, oldest first, joined by `~`. */
  readonly path: string;
}

const VERSION = 1;
const FIELDS = 7;
// With tokens and money. Who knows the first version alone reads its fields.
const VERSION_WITH_FUNDS = 2;
const FIELDS_WITH_FUNDS = 9;
/** The most that a count can be. */
export const MAX_COUNT = 999_999_999;
const COUNT_DIGITS = 9;
/** The most money that a member can say: 999,999,999 of the user's currency, in millionths. */
export const MAX_COST = 999_999_999_999_999;
const COST_DIGITS = 15;
/** A longer member does not exist: with its key it stays below 200 bytes. */
export const MAX_LINEAGE = 180;
const MAX_AGENTS = 8;
const MAX_HASH = 7;
// Until the year 5188.
const MAX_MOMENT = 9;

/**
 * Returns the value of the lineage member: `1.hops.maxHops.attempt.deadline.budget.path`, or `2.….path.tokens.cost` where a budget of
 * tokens or money is set. Numbers are in decimal and the deadline in base 36, with `-` for what is not set.
 */
export const formatLineage: (lineage: LineageFields) => string = rememberingLast(writeLineage, sameFields);

function sameFields(a: LineageFields, b: LineageFields): boolean {
  return (
    a.hops === b.hops &&
    a.maxHops === b.maxHops &&
    a.attempt === b.attempt &&
    a.deadline === b.deadline &&
    a.budget === b.budget &&
    a.tokens === b.tokens &&
    a.cost === b.cost &&
    a.path === b.path
  );
}

function writeLineage(lineage: LineageFields): string {
  const { hops, maxHops, attempt, deadline, budget, path, tokens, cost } = lineage;
  const hasFunds = tokens !== undefined || cost !== undefined;
  const version = hasFunds ? VERSION_WITH_FUNDS : VERSION;
  const funds = hasFunds ? `.${tokens ?? '-'}.${cost ?? '-'}` : '';
  return `${version}.${hops}.${maxHops}.${attempt}.${deadline === undefined ? '-' : deadline.toString(36)}.${budget ?? '-'}.${path === '' ? '-' : path}${funds}`;
}

/**
 * Returns what a lineage member says, or `undefined` where it is not well-formed. Of a later version the fields
 * that are known are read. Total: it never throws.
 */
export function parseLineage(text: unknown): LineageFields | undefined {
  return typeof text === 'string' && text.length <= MAX_LINEAGE ? fieldsOf(text) : undefined;
}

const fieldsOf = rememberingLast(readLineage, Object.is);

function readLineage(text: string): LineageFields | undefined {
  const parts = text.split('.', FIELDS_WITH_FUNDS + 1);
  const version = count(parts[0]);
  if (version === undefined || version < VERSION || parts.length < FIELDS) return undefined;
  if (version === VERSION && parts.length > FIELDS) return undefined;
  if (version > VERSION && parts.length < FIELDS_WITH_FUNDS) return undefined;
  if (version === VERSION_WITH_FUNDS && parts.length > FIELDS_WITH_FUNDS) return undefined;
  const hops = count(parts[1]);
  const maxHops = count(parts[2]);
  const attempt = count(parts[3]);
  const deadline = parts[4] === '-' ? undefined : moment(parts[4]);
  const budget = parts[5] === '-' ? undefined : count(parts[5]);
  const path = parts[6] === '-' ? '' : (parts[6] ?? '');
  if (hops === undefined || maxHops === undefined || attempt === undefined || attempt === 0) return undefined;
  if (Number.isNaN(deadline) || (budget === undefined && parts[5] !== '-') || !isPath(path)) return undefined;
  const tokens = funds(parts[7], COUNT_DIGITS);
  const cost = funds(parts[8], COST_DIGITS);
  if (Number.isNaN(tokens) || Number.isNaN(cost)) return undefined;
  return { hops, maxHops, attempt, deadline, budget, path, tokens, cost };
}

/** Returns a lineage member without the hashes of agents' names, which are nobody else's business. */
export function countsAlone(member: string): string | undefined {
  const fields = parseLineage(member);
  if (fields === undefined) return undefined;
  return fields.path === '' ? member : formatLineage({ ...fields, path: '' });
}

/** Returns the path with one more agent at its end, at most 8. */
export function appendAgent(path: string, hash: string): string {
  if (path === '') return hash;
  let at = path.length;
  for (let agents = 1; agents < MAX_AGENTS; agents++) {
    at = path.lastIndexOf('~', at - 1);
    if (at < 0) return `${path}~${hash}`;
  }
  return `${path.slice(at + 1)}~${hash}`;
}

/** Returns the path without the agent at its end. */
export function withoutLastAgent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('~')));
}

/** Whether an agent is in the path. */
export function onPath(path: string, hash: string): boolean {
  const at = path.indexOf(hash);
  if (at < 0) return false;
  return path.split('~').includes(hash);
}

/** Returns a short hash (FNV-1a, 32 bits, base 36) of an agent's name. It tells agents apart; it hides nothing. */
export function agentHash(name: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}

function count(text: string | undefined, digits: number = COUNT_DIGITS): number | undefined {
  if (text === undefined || text.length === 0 || text.length > digits) return undefined;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

// NaN where it is none. The first version has none of them.
function funds(text: string | undefined, digits: number): number | undefined {
  return text === undefined || text === '-' ? undefined : (count(text, digits) ?? Number.NaN);
}

// NaN where it is none.
function moment(text: string | undefined): number {
  if (text === undefined || text.length > MAX_MOMENT || !isHash(text)) return Number.NaN;
  return Number.parseInt(text, 36);
}

// One pass, no arrays: every hop that continues a chain reads a path.
function isPath(path: string): boolean {
  if (path === '') return true;
  if (path.length > MAX_AGENTS * (MAX_HASH + 1) - 1) return false;
  let length = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code === TILDE) {
      if (length === 0) return false;
      length = 0;
    } else if (!isBase36(code) || ++length > MAX_HASH) return false;
  }
  return length > 0;
}

const TILDE = 126;

function isHash(text: string): boolean {
  if (text.length === 0) return false;
  for (let at = 0; at < text.length; at++) if (!isBase36(text.charCodeAt(at))) return false;
  return true;
}

function isBase36(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 122);
}

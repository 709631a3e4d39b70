import { ThroughlineError } from './errors.ts';
import { printable } from './printable.ts';

// What every options object is checked by. `name` is how the user finds the option again: `baggage.send`.

/** Returns the error for a wrong option: what it takes, and what it was given. */
export function optionError(name: string, takes: string, given: unknown): ThroughlineError {
  return new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${name}\` takes ${takes}; it was given ${shown(given)}.`);
}

const MAX_SHOWN = 40;

function shown(given: unknown): string {
  switch (typeof given) {
    case 'string':
      return `'${printable(given, MAX_SHOWN)}'`;
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(given);
    case 'object':
      return given === null ? 'null' : Array.isArray(given) ? 'a list' : 'an object';
    default:
      return `a ${typeof given}`;
  }
}

/** Throws unless the option is absent, or `true` or `false`. */
export function checkBoolean(name: string, given: unknown): void {
  if (given !== undefined && typeof given !== 'boolean') throw optionError(name, 'true or false', given);
}

/** Throws unless the option is absent or a function. `takes` says which, such as 'a function of the peer'. */
export function checkFunction(name: string, given: unknown, takes: string): void {
  if (given !== undefined && typeof given !== 'function') throw optionError(name, takes, given);
}

/** Throws unless the option is absent or an object, which a list is not. `takes` shows one, such as 'an object, such as { send: false }'. */
export function checkObject(name: string, given: unknown, takes: string): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw optionError(name, takes, given);
}

/** Throws unless the option is absent or a text that is not empty. */
export function checkName(name: string, given: unknown): void {
  if (given !== undefined && (typeof given !== 'string' || given === '')) throw optionError(name, 'a name', given);
}

/** Throws unless the option is absent or one of these words. */
export function checkOneOf(name: string, given: unknown, words: readonly string[]): void {
  if (given !== undefined && !(words as readonly unknown[]).includes(given))
    throw optionError(name, list(words), given);
}

/** Throws unless the option is absent, one of these words, or a function that returns one. */
export function checkOneOfOrFunction(name: string, given: unknown, words: readonly string[]): void {
  if (given === undefined || typeof given === 'function' || (words as readonly unknown[]).includes(given)) return;
  throw optionError(name, `${list(words)} or a function that returns one`, given);
}

function list(words: readonly string[]): string {
  return `one of ${words.map((word) => `'${word}'`).join(', ')}`;
}

/** Throws unless the option is absent or a whole number from `least` to `most`. */
export function checkWhole(name: string, given: unknown, least: number, most: number = Infinity): void {
  if (given === undefined) return;
  if (!Number.isInteger(given) || (given as number) < least || (given as number) > most) {
    throw optionError(name, `a whole number from ${least}${most === Infinity ? '' : ` to ${most}`}`, given);
  }
}

/** Throws unless the option is absent or milliseconds from 0 to `Infinity`. `example` shows how many. */
export function checkMilliseconds(name: string, given: unknown, example: string): void {
  if (given === undefined || (typeof given === 'number' && given >= 0)) return;
  throw optionError(name, `milliseconds, such as ${example}`, given);
}

/**
 * Throws for an option of `given` that core alone reads and does not know. `of` names the object, such as `limits`. An option
 * that is `undefined` is not given.
 */
export function checkKnown(given: object, known: readonly string[], of: string): void {
  for (const name of unknownNames(given, known)) {
    const meant = nearest(name, known);
    const hint = meant === undefined ? ` It takes ${known.join(', ')}.` : didYouMean(meant);
    throw new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${of}.${printable(name)}\` is no option.${hint}`);
  }
}

/**
 * Throws for an option of `given` whose name is nearly one of these. One options object serves many adapters, so any other name
 * may be an adapter's that is not this one.
 */
export function checkMisspelt(given: object, known: readonly string[]): void {
  for (const name of unknownNames(given, known)) {
    const meant = nearest(name, known);
    if (meant === undefined) continue;
    throw new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${printable(name)}\` is no option.${didYouMean(meant)}`);
  }
}

function didYouMean(name: string): string {
  return ` Did you mean \`${name}\`?`;
}

function unknownNames(given: object, known: readonly string[]): string[] {
  return Object.keys(given).filter(
    (name) => !known.includes(name) && (given as Readonly<Record<string, unknown>>)[name] !== undefined,
  );
}

// One slip in a short name, two in a longer one: more would find names that are meant.
const SHORT = 5;

/** Returns the known name that `name` is nearly, if any. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let found: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const most = candidate.length > SHORT ? 2 : 1;
    if (Math.abs(candidate.length - name.length) > most) continue;
    const distance = slips(name.toLowerCase(), candidate.toLowerCase());
    if (distance > most || distance >= least) continue;
    found = candidate;
    least = distance;
  }
  return found;
}

// Letters left out, added, replaced, or swapped with the next one (Damerau's distance, optimal string alignment).
function slips(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let at = 1; at <= b.length; at++) {
      const same = a[row - 1] === b[at - 1];
      let cost = Math.min((last[at] ?? 0) + 1, (line[at - 1] ?? 0) + 1, (last[at - 1] ?? 0) + (same ? 0 : 1));
      if (a[row - 1] === b[at - 2] && a[row - 2] === b[at - 1]) cost = Math.min(cost, (before[at - 2] ?? Infinity) + 1);
      line.push(cost);
    }
    before = last;
    last = line;
  }
  return last[b.length] ?? Infinity;
}

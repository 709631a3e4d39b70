import type { Attributes } from '@opentelemetry/api';

// By general category: controls, formats, halves of surrogate pairs, private use and what Unicode has not assigned, which are all of C;
// separators of lines and of paragraphs; and what else shows nothing, such as fillers and variation selectors.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/**
 * Returns text from outside so that it is safe on a terminal, in a log line and in an attribute, and shows all that it holds: on one
 * line, with every code point written out (`\u{202e}`) that acts on what is around it or that nobody sees. At most `maxLength`
 * characters come out, the last of them `…` where there were more.
 *
 * Joiners in emoji and in Persian or Indic words are written out as well: what is named by strangers must not look like
 * something else.
 */
export function printable(text: string, maxLength: number = Number.POSITIVE_INFINITY): string {
  const isLong = text.length > maxLength;
  // Where this ends in half a surrogate pair, it is not printable.
  const start = isLong ? text.slice(0, maxLength - 1) : text;
  if (isPrintable(start)) return isLong ? copied(`${start}…`) : text;
  let shown = '';
  let beforeCut = '';
  // By code points: a cut never leaves half a surrogate pair.
  for (const character of text) {
    const next = isPrintable(character) ? character : `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
    if (shown.length + next.length > maxLength) return `${beforeCut}…`;
    shown += next;
    if (shown.length < maxLength) beforeCut = shown;
  }
  return shown;
}

// A part of a string holds the whole of it: a short label would keep a message of megabytes.
function copied(text: string): string {
  return decoder.decode(encoder.encode(text));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

// Nearly all text is ASCII, for which the loop is several times faster than the expression.
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return !UNPRINTABLE.test(text);
  }
  return true;
}

/** Returns text of several lines with each of them printable. */
export function printableLines(text: string): string {
  if (isPrintable(text)) return text;
  const lines = text.split('\n').map((line) => printable(line));
  return lines.join('\n');
}

/** Returns JSON that says the same and is printable: what is not is written as JSON escapes it. */
export function printableJson(json: string): string {
  if (isPrintable(json)) return json;
  return json.replace(ALL_UNPRINTABLE, (character) =>
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** Returns attributes whose texts are printable: the very ones where they are. */
export function printableAttributes(attributes: Attributes): Attributes {
  let shown: Attributes | undefined;
  // Every span comes by here: no list of entries is made.
  for (const key in attributes) {
    const value = attributes[key];
    const text = printableValue(value);
    if (text !== value) (shown ??= { ...attributes })[key] = text;
  }
  return shown ?? attributes;
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  return Array.isArray(value) && value.some((item) => printableValue(item) !== item)
    ? value.map(printableValue)
    : value;
}

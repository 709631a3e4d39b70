// The rule of `@throughline/core`, which this package does not depend on: a test holds the two to each other over all of Unicode.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const MAX_LENGTH = 160;

/**
 * Returns text from outside so that it is safe on a terminal and in a log, and shows all that it holds: on one line, with every
 * code point written out (`\u{202e}`) that acts on what is around it or that nobody sees. At most 160 characters come out, the
 * last of them `…` where there were more.
 */
export function printable(text: string): string {
  const isLong = text.length > MAX_LENGTH;
  // Where this ends in half a surrogate pair, it is not printable.
  const start = isLong ? text.slice(0, MAX_LENGTH - 1) : text;
  if (!UNPRINTABLE.test(start)) return isLong ? `${start}…` : text;
  let shown = '';
  let beforeCut = '';
  // By code points: a cut never leaves half a surrogate pair.
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    const next = UNPRINTABLE.test(character) ? `\\u{${code.toString(16)}}` : character;
    if (shown.length + next.length > MAX_LENGTH) return `${beforeCut}…`;
    shown += next;
    if (shown.length < MAX_LENGTH) beforeCut = shown;
  }
  return shown;
}

/** A line of a stream, without its end; `text` is missing where it is longer than a text can be. */
export interface Line {
  readonly number: number;
  readonly text?: string;
}

const NEWLINE = 0x0a;
/** As long as a string of V8 can be: 512 MiB, less a little. */
const MAX_LINE = 0x1f_ff_ff_e8;

/** Yields the lines of a stream of UTF-8, those that are blank too. Holds one line at a time. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array | string>,
  maxLine: number = MAX_LINE,
): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxLine) parts.push(part);
    else parts = [];
  };
  const end = (): Line => {
    const line = length > maxLine ? { number: ++number } : { number: ++number, text: textOf(parts, number) };
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      take(bytes.subarray(from, at));
      from = at + 1;
      yield end();
    }
    if (from < bytes.length) take(bytes.subarray(from));
  }
  if (length > 0) yield end();
}

function textOf(parts: readonly Buffer[], number: number): string {
  const [only] = parts;
  const text = (parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)).toString('utf8');
  return number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
}

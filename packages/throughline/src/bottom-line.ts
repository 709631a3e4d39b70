import type { Surroundings } from './surroundings.ts';

/** A line at the bottom of a terminal that stays while other programs write above it. */
export interface BottomLine {
  show(text: string): void;
  /** Gives the line back. */
  end(): void;
}

const SAVE = '\u001b7';
const RESTORE = '\u001b8';
const CLEAR = '\u001b[2K';
const MIN_ROWS = 4;

/** Returns the line, or `undefined` where there is no terminal to show it. */
export function bottomLine({ stderr, env }: Pick<Surroundings, 'stderr' | 'env'>): BottomLine | undefined {
  if (stderr.isTTY !== true || env['TERM'] === 'dumb' || (stderr.rows ?? 0) < MIN_ROWS) return undefined;
  let rows = 0;
  const at = (row: number): string => `\u001b[${row};1H`;
  return {
    show: (text) => {
      const { rows: now = rows, columns = 80 } = stderr;
      let before = '';
      if (now !== rows) {
        // Room is made by a new line first: the cursor may be on the last one. What scrolls is all above it from then on.
        before = `\n${SAVE}\u001b[1;${now - 1}r${RESTORE}\u001b[1A`;
        rows = now;
      }
      stderr.write(`${before}${SAVE}${at(rows)}${CLEAR}${text.slice(0, columns - 1)}${RESTORE}`);
    },
    end: () => {
      if (rows > 0) stderr.write(`${SAVE}\u001b[r${at(rows)}${CLEAR}${RESTORE}`);
      rows = 0;
    },
  };
}

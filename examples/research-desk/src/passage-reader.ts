import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

const MAX_LINES = 60;
const MAX_BYTES = 1 << 20;

/**
 * Resolves with lines `line` to `last` of a text file under `root`, counted from 1, at most 60 of them.
 * @throws where the file, its links followed, is not inside `root`, is hidden, or has more than 1 MiB.
 */
export async function readPassage(root: string, file: string, line: number, last: number): Promise<string[]> {
  const home = await realpath(root);
  const path = await realpath(resolve(home, file)).catch(() => undefined);
  const inside = path === undefined ? undefined : relative(home, path);
  if (path === undefined || inside === undefined || !isOpen(inside)) {
    throw new Error(`There is no file ${file} to read in this repository`);
  }
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`${file} has ${size} bytes; the most that is read is ${MAX_BYTES}`);
  const lines = (await readFile(path, 'utf8')).split('\n');
  if (line > lines.length) throw new Error(`${file} has ${lines.length} lines, none of them is ${line}`);
  return lines.slice(line - 1, Math.min(last, line - 1 + MAX_LINES));
}

function isOpen(inside: string): boolean {
  return inside !== '' && !isAbsolute(inside) && !inside.split(sep).some((part) => part.startsWith('.'));
}

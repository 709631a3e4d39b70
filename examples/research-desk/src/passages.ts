/** Cuts files of the repository into passages that can be searched and cited. */
import type { PassageKind } from './desk.ts';

/** Consecutive lines of one file, counted from 1, `last` included. */
export interface Passage {
  readonly line: number;
  readonly last: number;
  readonly kind: PassageKind;
  readonly heading: string;
  readonly text: string;
}

const MAX_LINES = 12;

/** The passages of a file, by its name: paragraphs of Markdown, docstrings of source, names of tests; else none. */
export function cutPassages(file: string, content: string): Passage[] {
  const lines = content.split('\n');
  if (file.endsWith('.md')) return cutMarkdown(lines);
  if (file.endsWith('.test.ts')) return cutTests(lines);
  if (file.endsWith('.ts')) return cutDocstrings(lines);
  return [];
}

/** Paragraphs, list items and table rows under their headings. Fenced code is left out: it is quoted, not said. */
function cutMarkdown(lines: readonly string[]): Passage[] {
  const passages: Passage[] = [];
  let heading = '';
  let fenced = false;
  let start = -1;
  const close = (end: number): void => {
    if (start >= 0) passages.push(passage(lines, start, end, 'prose', heading));
    start = -1;
  };
  lines.forEach((line, index) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) fenced = !fenced;
    const title = fenced ? undefined : /^#+\s+(.*)$/.exec(line)?.[1];
    if (fence || fenced || title !== undefined || line.trim() === '' || /^\s*\|[\s:|-]+\|\s*$/.test(line)) {
      close(index);
    } else if (start < 0) {
      start = index;
    } else if (/^\s*([-*+]|\d+\.|\|)\s/.test(line) || index - start >= MAX_LINES) {
      close(index);
      start = index;
    }
    if (title !== undefined) heading = title;
  });
  close(lines.length);
  return passages;
}

/** Docstrings up to their first example, each under the declaration that follows it. */
function cutDocstrings(lines: readonly string[]): Passage[] {
  const passages: Passage[] = [];
  let start = -1;
  lines.forEach((line, index) => {
    if (start < 0 && /^\s*\/\*\*/.test(line)) start = index;
    if (start < 0 || !line.includes('*/')) return;
    const next = lines[index + 1] ?? '';
    const name = /(?:function\*?|interface|type|class|const|let)\s+(\w+)|^\s*(?:readonly\s+)?(\w+)\??[:(]/.exec(next);
    const example = lines.slice(start, index).findIndex((said) => /@example|```/.test(said));
    const end = Math.min(example > 0 ? start + example : index + 1, start + MAX_LINES);
    passages.push(passage(lines, start, end, 'docstring', name?.[1] ?? name?.[2] ?? 'the file'));
    start = -1;
  });
  return passages;
}

/** Names of tests under that of the `describe` they stand in. */
function cutTests(lines: readonly string[]): Passage[] {
  const passages: Passage[] = [];
  const groups: { indent: number; name: string }[] = [];
  lines.forEach((line, index) => {
    const match = /^(\s*)(describe|it|test)(?:\.\w+)*(?:\(.*\))?\(\s*(['"`])(.+?)\3\s*,/.exec(line);
    if (match === null) return;
    const [, { length: indent } = '', word, , name = ''] = match;
    while ((groups.at(-1)?.indent ?? -1) >= indent) groups.pop();
    if (word === 'describe') groups.push({ indent, name });
    else
      passages.push(passage(lines, index, index + 1, 'test', groups.map((group) => group.name).join(' › ') || 'test'));
  });
  return passages;
}

function passage(lines: readonly string[], start: number, end: number, kind: PassageKind, heading: string): Passage {
  const text = lines.slice(start, end).map(readable).join(' ').trim();
  return { line: start + 1, last: end, kind, heading: heading.replaceAll('`', ''), text };
}

/** A line as a reader wants it: without the marks of comments, lists, tables and test calls. */
export function readable(line: string): string {
  const test = /^\s*(?:it|test)(?:\.\w+)*(?:\(.*\))?\(\s*(['"`])(.+?)\1\s*,/.exec(line)?.[2];
  if (test !== undefined) return test;
  if (/[─│▶◀]/.test(line)) return ''; // a drawing
  return line
    .replace(/^\s*(\/\*\*|\*\/|\*(?!\*))\s?/, '')
    .replace(/\s*\*\/\s*$/, '')
    .replace(/^\s*([-*+]|\d+\.|>|#+)\s+/, '')
    .replace(/^\s*\|\s*|\s*\|\s*$/g, '')
    .replace(/\s+\|\s+/g, ': ')
    .replaceAll('**', '')
    .replace(/\s+/g, ' ')
    .replace(/\[([^\]]+)\]\([^)\s]+\)/g, '$1')
    .replace(/\{@link (\S+?)\}/g, '$1')
    .trim();
}

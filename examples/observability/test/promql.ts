/** What a PromQL expression speaks of, as far as a test has to know: no parser, and strict enough for expressions like ours. */

/** The metrics and the labels of an expression. */
export interface Mentioned {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
}

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', 'atan2']);
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const NAME = /[a-zA-Z_:][\w:]*/g;

/** Returns the metrics and labels that an expression names, each once. */
export function mentioned(expression: string): Mentioned {
  const labels = new Set<string>();
  const rest = expression
    .replaceAll(STRING, '""')
    .replaceAll(/\{([^}]*)\}/g, (_, matchers: string) => {
      for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) labels.add(label ?? '');
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\boffset\s+-?\w+/g, ' ')
    .replaceAll(GROUPING, (_, names: string) => {
      for (const [label] of names.matchAll(NAME)) labels.add(label);
      return ' ';
    });
  const metrics = new Set<string>();
  for (const { 0: name, index } of rest.matchAll(NAME)) {
    const isFunction = /^\s*\(/.test(rest.slice(index + name.length));
    const isNumber = /\d/.test(rest[index - 1] ?? '');
    if (!isFunction && !isNumber && !WORDS.has(name.toLowerCase())) metrics.add(name);
  }
  // Of a histogram's buckets, not of what it measures.
  labels.delete('le');
  return { metrics: [...metrics], labels: [...labels] };
}

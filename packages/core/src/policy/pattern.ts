import { optionError } from '../option-checks.ts';
import type { Pattern } from './options.ts';

/**
 * Returns a predicate that holds for texts which match any of the patterns: equal names, names with `*` for any run of
 * characters, regular expressions. Throws a ThroughlineError for anything else, naming `option`.
 */
export function matcher(patterns: readonly Pattern[], option: string): (text: string) => boolean {
  if (!Array.isArray(patterns)) {
    throw optionError(option, "a list of names and patterns, such as ['*.example.com']", patterns);
  }
  const names = new Set<string>();
  const tests: ((text: string) => boolean)[] = [];
  for (const pattern of patterns as readonly unknown[]) {
    if (typeof pattern === 'string' && pattern.length > 0) {
      if (pattern.includes('*')) tests.push(wildcard(pattern));
      else names.add(pattern);
    } else if (pattern instanceof RegExp) {
      // A copy without `g` and `y`: their lastIndex would make every second answer wrong.
      const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
      tests.push((text) => stateless.test(text));
    } else {
      throw optionError(option, 'non-empty names, names with `*`, and regular expressions', pattern);
    }
  }
  return (text) => names.has(text) || tests.some((test) => test(text));
}

// Linear in the text, unlike a regular expression with several `.*`.
function wildcard(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length) return false;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

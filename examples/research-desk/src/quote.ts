import { readable } from './passages.ts';

/** What is quoted of a passage, and the line it begins on, counted from 0 within the passage. */
export interface Quote {
  readonly offset: number;
  readonly text: string;
}

const MAX_CHARACTERS = 320;

/**
 * The sentence of a passage that has most of the terms, and the one after it when that has any. Where only the heading has
 * one, the first sentence; where that has none either, none.
 */
export function quote(lines: readonly string[], heading: string, terms: readonly string[]): Quote | undefined {
  const sentences = splitSentences(lines);
  const scored = sentences.map((sentence) => countTerms(sentence.text, terms));
  const best = scored.indexOf(Math.max(...scored, 0));
  const first = sentences[best];
  if (first === undefined || (scored[best] === 0 && countTerms(heading, terms) === 0)) return undefined;
  const second = sentences[best + 1];
  const both = second !== undefined && (scored[best + 1] ?? 0) > 0 ? `${first.text} ${second.text}` : first.text;
  const text = both.length <= MAX_CHARACTERS ? both : first.text;
  return {
    offset: first.offset,
    text: text.length <= MAX_CHARACTERS ? text : `${text.slice(0, text.lastIndexOf(' ', MAX_CHARACTERS))} …`,
  };
}

function splitSentences(lines: readonly string[]): Quote[] {
  const sentences: { offset: number; text: string }[] = [];
  let open: { offset: number; text: string } | undefined;
  lines.forEach((line, offset) => {
    for (const part of readable(line).split(/(?<=[.!?])\s+(?=[\p{Lu}`*"(])/u)) {
      if (part === '') continue;
      if (open !== undefined && !/[.!?]$/.test(open.text)) open.text += ` ${part}`;
      else sentences.push((open = { offset, text: part }));
    }
  });
  return sentences;
}

function countTerms(text: string, terms: readonly string[]): number {
  const words = text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
  return terms.filter((term) => words.some((word) => word.startsWith(stem(term)))).length;
}

/** A term without its English ending, where enough of it stays. */
function stem(term: string): string {
  const short = term.replace(/(?:ies|es|s|ing|ed|y)$/, '');
  return short.length >= 3 ? short : term;
}

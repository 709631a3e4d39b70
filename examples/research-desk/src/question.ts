/** From a question to what the analysts are to look for: deterministic, no model. */
import type { PassageKind, Task } from './desk.ts';

const STOP_WORDS = new Set(
  `a about across after all an and any are as at be become becomes been but by can could did do does for from get goes had
  happen happens has have how i if in into is it its keep let make makes may me mean means my no not of on one or our over own
  please put say says shall should so some tell than through that the their them then there these they this those to under up use
  used using via want was way we were what when where whether which while who whom whose why will with without work works
  would you your`.split(/\s+/),
);

/** The words of a question that are worth looking for, lower-cased, each once, in its order. */
export function searchTerms(question: string): string[] {
  const words = question.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
  return [...new Set(words.filter((word) => word.length > 1 && !STOP_WORDS.has(word)))];
}

const ASPECTS: readonly { aspect: Task['aspect']; kind: PassageKind; wording: (subject: string) => string }[] = [
  { aspect: 'meaning', kind: 'prose', wording: (subject) => `What do the documents say about ${subject}?` },
  { aspect: 'code', kind: 'docstring', wording: (subject) => `Which code is responsible for ${subject}?` },
  { aspect: 'tests', kind: 'test', wording: (subject) => `Which tests hold it to that: ${subject}?` },
];

/** Three tasks, one for each aspect of the question; none when it has no word worth looking for. */
export function planTasks(id: string, question: string): Task[] {
  const terms = searchTerms(question);
  if (terms.length === 0) return [];
  return ASPECTS.map(({ aspect, kind, wording }) => ({
    id: `${id}/${aspect}`,
    question: id,
    aspect,
    wording: wording(terms.join(', ')),
    terms,
    kind,
  }));
}

import type { Answer, Citation, Result, Task } from './desk.ts';

/** The answer to a question: for every task, in order, the passages found for it, each with `file:line`. */
export function composeAnswer(question: string, tasks: readonly Task[], results: readonly Result[]): Answer {
  const cited = new Set<string>();
  const paragraphs = tasks.map((task) => {
    const found = results.find((result) => result.task === task.id)?.citations ?? [];
    const fresh = found.filter((citation) => !cited.has(source(citation)));
    for (const citation of fresh) cited.add(source(citation));
    const lines = fresh.map((citation) => `  ${citation.text}\n    — ${source(citation)} (${citation.heading})`);
    return [task.wording, ...(lines.length > 0 ? lines : ['  Nothing in this repository.'])].join('\n');
  });
  return { question, text: paragraphs.join('\n\n'), sources: [...cited] };
}

function source(citation: Citation): string {
  return `${citation.file}:${citation.line}`;
}

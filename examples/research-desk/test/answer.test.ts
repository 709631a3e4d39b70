import { describe, expect, test } from 'vitest';
import { composeAnswer } from '../src/answer.ts';
import type { Result } from '../src/desk.ts';
import { planTasks } from '../src/question.ts';
import { resultBox } from '../src/results.ts';

const tasks = planTasks('q1', 'baggage limits');
const citation = { file: 'README.md', line: 7, heading: 'Limits', text: 'Baggage is bounded.' };
const results = tasks.map((task): Result => ({
  task: task.id,
  question: 'q1',
  aspect: task.aspect,
  analyst: 'a',
  citations: [citation],
}));
const [first, second, third] = results as [Result, Result, Result];

describe('an answer', () => {
  test('is in the order of the tasks, cites each passage once, and says where nothing was found', () => {
    const answer = composeAnswer('baggage limits', tasks, [third, first]);
    expect(answer.sources).toEqual(['README.md:7']);
    expect(answer.text.split('\n\n')).toEqual([
      `${tasks[0]?.wording}\n  Baggage is bounded.\n    — README.md:7 (Limits)`,
      `${tasks[1]?.wording}\n  Nothing in this repository.`,
      `${tasks[2]?.wording}\n  Nothing in this repository.`,
    ]);
  });
});

describe('results', () => {
  test('are joined in whatever order they come, counted once, others ignored', async () => {
    const box = resultBox();
    const waiting = box.wait(tasks, 60_000);
    for (const result of [third, third, { ...first, question: 'q2' }, first, second]) box.put(result);
    expect((await waiting).map(({ task }) => task).sort()).toEqual(tasks.map(({ id }) => id).sort());
  });

  test('are those that there are when the deadline comes', async () => {
    const box = resultBox();
    const waiting = box.wait(tasks, 20);
    box.put(second);
    expect(await waiting).toEqual([second]);
  });
});

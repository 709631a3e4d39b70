import { describe, expect, test } from 'vitest';
import { planTasks, searchTerms } from '../src/question.ts';

describe('a question', () => {
  test('is reduced to the words worth looking for, each once, in their order', () => {
    expect(searchTerms('What happens to the Baggage of a message, and to its baggage limits?')).toEqual([
      'baggage',
      'message',
      'limits',
    ]);
  });

  test('in another script keeps its words', () => {
    expect(searchTerms('Что такое контекст?')).toEqual(['что', 'такое', 'контекст']);
  });

  test('becomes three tasks that ask different things of different passages', () => {
    const tasks = planTasks('q1', 'How does baggage travel?');
    expect(tasks.map(({ kind }) => kind)).toEqual(['prose', 'docstring', 'test']);
    expect(new Set(tasks.map(({ wording }) => wording)).size).toBe(3);
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(3);
    expect(tasks.every(({ wording }) => wording.includes('baggage, travel'))).toBe(true);
  });

  test('without such a word becomes none', () => {
    expect(planTasks('q1', 'What is it? ?!')).toEqual([]);
  });
});

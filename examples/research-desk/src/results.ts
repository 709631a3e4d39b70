import type { Result, Task } from './desk.ts';

/** Results that come back in any order, maybe twice, until a question has all of its own. */
export interface ResultBox {
  /** Resolves with the results of these tasks, in the order they came; after `deadline` ms with those that there are. */
  wait(tasks: readonly Task[], deadline: number): Promise<Result[]>;
  /** Takes a result; one that nobody waits for any more is dropped. */
  put(result: Result): void;
}

export function resultBox(): ResultBox {
  const open = new Map<string, { expected: number; results: Map<string, Result>; done: () => void }>();
  return {
    wait: (tasks, deadline) =>
      new Promise((resolve) => {
        const question = tasks[0]?.question ?? '';
        const results = new Map<string, Result>();
        const done = (): void => {
          clearTimeout(timer);
          open.delete(question);
          resolve([...results.values()]);
        };
        const timer = setTimeout(done, deadline);
        open.set(question, { expected: tasks.length, results, done });
      }),
    put: (result) => {
      const waiting = open.get(result.question);
      if (waiting === undefined) return;
      waiting.results.set(result.task, result);
      if (waiting.results.size === waiting.expected) waiting.done();
    },
  };
}

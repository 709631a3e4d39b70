import type { WatchedDesk } from './watched-desk.ts';

const AT_ONCE = 2;

/** Asks the desk all of these questions, two at once; resolves with why those were not answered that were not. */
export async function askAll(desk: WatchedDesk, questions: readonly string[]): Promise<string[]> {
  const left = [...questions];
  const failures: string[] = [];
  const askOn = async (): Promise<void> => {
    for (let question = left.shift(); question !== undefined; question = left.shift()) {
      const reply = await desk.ask(question);
      if ('error' in reply) failures.push(reply.error);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askOn));
  return failures;
}

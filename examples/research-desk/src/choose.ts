/** Asks the model which of the passages that were found answers a task. */
import { recordSignal } from '@throughline/agent';
import { traceOpenAI } from '@throughline/agent/openai';
import OpenAI from 'openai';
import { setting } from './desk.ts';
import type { Citation, Task } from './desk.ts';
import { loggedStep } from './logs.ts';

const MODEL = 'desk-1';

/** Returns the citations that the model names, in its order: all of them where it names none that is there, which is a signal. */
export type Choose = (task: Task, citations: readonly Citation[]) => Promise<readonly Citation[]>;

export function modelChoice(): Choose {
  const openai = traceOpenAI(new OpenAI({ baseURL: setting('DESK_MODEL_URL'), apiKey: 'none' }), {
    // Of a million tokens; the stand-in bills nobody.
    prices: { [MODEL]: { input: 1, output: 4, cacheRead: 0.1 } },
    stallMs: 1000,
  });
  return async (task, citations) => {
    if (citations.length === 0) return citations;
    const answer = await loggedStep('model call', { 'gen_ai.request.model': MODEL }, async () => {
      const stream = await openai.chat.completions.create({
        model: MODEL,
        stream: true,
        stream_options: { include_usage: true },
        messages: [
          {
            role: 'system',
            content: 'Say by number which of these passages answers the question, the best one first.',
          },
          {
            role: 'user',
            content: [task.wording, ...citations.map(({ text }, at) => `[${at + 1}] ${text}`)].join('\n'),
          },
        ],
      });
      let answer = '';
      for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? '';
      return answer;
    });
    const named = Array.from(answer.matchAll(/\[(\d+)\]/g), ([, number]) => citations[Number(number) - 1]);
    const known = named.filter((citation) => citation !== undefined);
    if (known.length > 0 && known.length === named.length) return known;
    recordSignal('not_grounded', { message: 'the model names no passage that it was shown' });
    return citations;
  };
}

/** Splits a question into tasks, puts them on a queue, and joins what comes back on another into one answer. */
import { randomUUID } from 'node:crypto';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import express from 'express';
import { runProcess, say } from './agent.ts';
import { composeAnswer } from './answer.ts';
import { adapter } from './breaking.ts';
import { parseMessage, Question, Result } from './desk.ts';
import type { Task } from './desk.ts';
import { listen } from './listen.ts';
import { planTasks } from './question.ts';
import { resultBox } from './results.ts';
import { openRoad } from './roads/open.ts';

const options: HopOptions = { agent: 'planner' };
const RESULTS_DEADLINE_MS = 30_000;

await runProcess('planner', 'planner', async () => {
  const road = await openRoad({ name: 'planner', options, sends: 'tasks', receives: 'results' });
  const box = resultBox();
  await road.receive(async (text) => {
    const result = parseMessage(Result, text, say);
    if (result === undefined) return undefined;
    say(`has the ${result.aspect} result of ${result.analyst}: ${describe(result)}`);
    box.put(result);
    return undefined;
  });

  const app = express();
  adapter('http-receiver', (planner: express.Express) => planner.use(traceContext(options)))(app);
  app.use(express.json());
  app.post('/plans', async (request, response) => {
    const { question } = Question.parse(request.body);
    const tasks = planTasks(randomUUID(), question);
    if (tasks.length === 0) {
      response.status(422).json({ error: `There is no word to look for in: ${question}` });
      return;
    }
    const waiting = box.wait(tasks, RESULTS_DEADLINE_MS);
    await road.send(tasks.map((task) => JSON.stringify(task)));
    say(`put ${tasks.length} tasks on the road: ${tasks.map((task) => task.aspect).join(', ')}`);
    const results = await waiting;
    const missing = tasks.filter((task) => !results.some((result) => result.task === task.id));
    const failed = results.filter((result) => result.error !== undefined);
    if (missing.length > 0 || failed.length > 0) {
      response.status(missing.length > 0 ? 504 : 502).json({ error: complaint(missing, failed) });
      return;
    }
    response.json(composeAnswer(question, tasks, results));
  });
  const server = await listen(app);
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await road.close();
    },
  };
});

function describe(result: Result): string {
  return result.error === undefined ? `${result.citations.length} passages` : `failed, ${result.error}`;
}

function complaint(missing: readonly Task[], failed: readonly Result[]): string {
  return [
    ...missing.map((task) => `no result for "${task.wording}" within ${RESULTS_DEADLINE_MS} ms`),
    ...failed.map((result) => `${result.analyst} could not do ${result.aspect}: ${result.error}`),
  ].join('; ');
}

/** The desk's front door: takes a question over HTTP and hands it to the planner. */
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import express from 'express';
import { runProcess, say } from './agent.ts';
import { adapter, dropping } from './breaking.ts';
import { Question, Reply, setting } from './desk.ts';
import { listen } from './listen.ts';

const options: HopOptions = { agent: 'gateway' };
const PLAN_DEADLINE_MS = 45_000;

await runProcess('gateway', 'gateway', async () => {
  const planner = setting('DESK_PLANNER_URL');
  const fetch = adapter('http-sender', traceFetch)(globalThis.fetch, { ...options, ...dropping('http') });
  const app = express();
  app.use(traceContext(options));
  app.use(express.json());
  app.post('/questions', async (request, response) => {
    const asked = Question.safeParse(request.body);
    if (!asked.success) {
      response.status(400).json({ error: 'Send { "question": "…" }' });
      return;
    }
    say(`is asked: ${asked.data.question}`);
    try {
      const plan = await fetch(`${planner}/plans`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(asked.data),
        signal: AbortSignal.timeout(PLAN_DEADLINE_MS),
      });
      response.status(plan.status).json(Reply.parse(await plan.json()));
    } catch (error) {
      response.status(502).json({ error: `the planner did not answer: ${String(error)}` });
    }
  });
  return listen(app);
});

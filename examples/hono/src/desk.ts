/** The desk: Hono, whose route hands on what the planner streams. */
import { traceFetch } from '@throughline/fetch';
import { traceContext } from '@throughline/web/hono';
import { Hono } from 'hono';
import { serveUntilTold } from './serve.ts';

const [planner = ''] = process.argv.slice(2);
const fetch = traceFetch(undefined, { agent: 'desk' });
const questions = new Hono();
questions.post('/:topic', async (c) => fetch(`${planner}/plan`, { method: 'POST', body: await c.req.text() }));

const app = new Hono();
app.use(traceContext({ agent: 'desk' }));
app.route('/questions', questions);

await serveUntilTold('desk', app.fetch);

/** The site: it makes the page, tells it the span that did, and answers calls of its own origin. */
import { readFile } from 'node:fs/promises';
import { traceContext } from '@throughline/web/hono';
import { Hono } from 'hono';
import { serveUntilTold } from './serve.ts';

const [api = '', script = ''] = process.argv.slice(2);
const app = new Hono();
app.use(traceContext({ serverTiming: true }));
app.get('/', (c) => c.html(`<!doctype html><title>plans</title><script src="/page.js?api=${api}"></script>`));
app.get('/page.js', async (c) => c.body(await readFile(script, 'utf8'), 200, { 'content-type': 'text/javascript' }));
app.get('/plans', (c) => c.json([{ id: 7 }]));

await serveUntilTold('site', app.fetch);

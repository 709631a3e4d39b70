/** The API, of another origin. It lets pages send trace context, and read which span has answered. */
import { traceContext, traceHeaders } from '@throughline/web/hono';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { serveUntilTold } from './serve.ts';

const app = new Hono();
app.use(traceContext({ serverTiming: true }));
app.use(cors({ origin: (origin) => origin, allowHeaders: [...traceHeaders], exposeHeaders: ['Server-Timing'] }));
app.get('/plans/:id', (c) => c.json({ id: c.req.param('id'), price: 12 }));

await serveUntilTold('api', app.fetch);

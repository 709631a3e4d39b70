/** The desk: looks up who asks, and hands on what the planner streams. */
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/fastify';
import { traceFetch } from '@throughline/fetch';
import fastify from 'fastify';
import { serveUntilTold } from './serve.ts';

const [planner = ''] = process.argv.slice(2);
const ask = traceFetch(undefined, { agent: 'desk' });

const app = fastify();
await app.register(traceContext, { agent: 'desk' });
await app.register(
  async (v1) => {
    // A hook that calls back later, as the client of a database does.
    v1.addHook('preHandler', (_request, _reply, next) => {
      const span = trace.getTracer('desk').startSpan('look up who asks');
      setTimeout(() => {
        span.end();
        next();
      }, 5);
    });
    const schema = { body: { type: 'object', required: ['question'], properties: { question: { type: 'string' } } } };
    v1.post('/questions/:topic', { schema }, async ({ body }) =>
      ask(`${planner}/plan`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
  },
  { prefix: '/v1' },
);

await serveUntilTold('desk', app);

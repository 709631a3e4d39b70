/** The planner: writes its plan step by step, into a stream that is the reply. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/fastify';
import fastify from 'fastify';
import { serveUntilTold } from './serve.ts';

const app = fastify();
await app.register(traceContext, { agent: 'planner' });
app.post<{ Body: { question: string } }>('/plan', (request, reply) =>
  reply.type('text/plain').send(Readable.from(plan(request.body.question))),
);

// Runs as the reply is read, long after the handler has returned; its spans are in the trace all the same.
async function* plan(question: string): AsyncGenerator<string> {
  for (const step of ['look it up', 'compare', 'answer']) {
    const span = trace.getTracer('planner').startSpan(`think: ${step}`);
    await sleep(10);
    span.end();
    yield `${step}: ${question}\n`;
  }
}

await serveUntilTold('planner', app);

/** A planner that is a function of the request, and no more. It writes its plan step by step. */
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { traceHandler } from '@throughline/web';
import { serveUntilTold } from './serve.ts';

const STEPS = ['look it up', 'compare', 'answer'];

const plan = traceHandler(
  async (request: Request) => {
    const question = await request.text();
    const encoder = new TextEncoder();
    const steps = STEPS.values();
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      // Runs whenever somebody reads on, long after the handler has returned; its spans are in the trace all the same.
      async pull(controller) {
        const { value, done } = steps.next();
        if (done) return controller.close();
        await trace.getTracer('planner').startActiveSpan(`think: ${value}`, async (span) => {
          await sleep(10);
          span.end();
        });
        controller.enqueue(encoder.encode(`${value}: ${question}\n`));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/plain' } });
  },
  { agent: 'planner', route: () => '/plan' },
);

await serveUntilTold('planner', plan);

import { measure } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import { compare, notesOf } from './compare.ts';
import type { FastifyVariant } from './fastify-server.ts';
import { CONNECTIONS, load } from './load.ts';

const variants: readonly FastifyVariant[] = ['bare', 'ours', '@fastify/otel', 'http+@fastify/otel', 'hand-written'];

/** CPU that tracing adds to a request of Fastify 5, in the server's process alone. */
export async function fastify(effort: Effort): Promise<Report> {
  const costs = await measure(new URL('fastify-server.ts', import.meta.url), variants, 1500, effort, {
    warmUp: 20_000,
    drive: load,
  });
  return {
    title: 'fastify',
    method: `CPU a request of the server's process over that of bare Fastify 5 (an object returned under \`/users/:id\`): ${CONNECTIONS} keep-alive connections, every request with \`traceparent\` and \`user-agent\`.`,
    results: compare(costs, 'bare', '`traceContext` on Fastify 5, a request', 'ours', [
      { variant: '@fastify/otel', opponent: '@fastify/otel', target: 1 },
      { variant: 'http+@fastify/otel', opponent: 'instrumentation-http + @fastify/otel', target: 1 },
      {
        variant: 'hand-written',
        opponent: 'hand-written `onRequest` hook: extract, the same span, run',
        target: 1.3,
      },
    ]),
    notes: [
      ...notesOf(costs),
      "Its floor: a hook of ours in each stage has what comes next in the request's context, wherever another plugin has left it, which is 2 to 3 microseconds; the rest is core's, as in Express.",
    ],
  };
}

import { measure } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import { startSubject } from '../subject.ts';
import type { ClientVariant } from './client.ts';
import { compare, notesOf } from './compare.ts';
import type { Opponent } from './compare.ts';
import type { FastifyVariant } from './fastify-server.ts';

const variants: readonly ClientVariant[] = [
  'bare http',
  'http, traceHttp',
  'http, traceAgent',
  'http, instrumentation-http',
  'http, hand-written',
  'bare axios',
  'axios, traceAxios',
  'axios, instrumentation-http',
  'axios, hand-written',
];

const AT_ONCE = 20;

/** CPU that tracing adds to a request of Node's HTTP client and of axios, in the client's process alone. */
export async function httpClients(effort: Effort): Promise<Report> {
  const server = await startSubject(new URL('fastify-server.ts', import.meta.url), ['bare' satisfies FastifyVariant]);
  try {
    const costs = await measure(new URL('client.ts', import.meta.url), variants, 600, effort, {
      warmUp: 8000,
      args: [String(server.ready), String(AT_ONCE)],
    });
    return {
      title: 'http clients',
      method: `CPU a request of the client's process over that of bare \`http.get\`, or of bare axios, within a span that is there: ${AT_ONCE} requests at once on an agent that keeps connections alive, each answer of a bare Fastify in another process read to its end.`,
      results: [
        ...compare(costs, 'bare http', '`traceHttp(http).get`, a request', 'http, traceHttp', opponents('http')),
        ...compare(costs, 'bare http', '`http.get` on `traceAgent(agent)`', 'http, traceAgent', opponents('http')),
        ...compare(costs, 'bare axios', '`traceAxios(axios).get`', 'axios, traceAxios', opponents('axios')),
      ],
      notes: notesOf(costs),
    };
  } finally {
    await server.stop();
  }
}

function opponents(client: 'http' | 'axios'): readonly Opponent<ClientVariant>[] {
  return [
    { variant: `${client}, instrumentation-http`, opponent: 'instrumentation-http', target: 1 },
    { variant: `${client}, hand-written`, opponent: 'hand-written: the same span, inject', target: 1.3 },
  ];
}

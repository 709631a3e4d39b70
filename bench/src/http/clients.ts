import { addedOnAverage, measureApart, measureInPairs, median } from '../measure.ts';
import type { Effort, Pair } from '../measure.ts';
import type { Report, Result } from '../results.ts';
import { startSubject } from '../subject.ts';
import type { ClientTask } from './client.ts';
import type { FastifyVariant } from './fastify-server.ts';

const tasks: Readonly<Record<ClientTask, string>> = {
  http: '`traceHttp(http).get`, a request',
  agent: '`http.get` on `traceAgent(agent)`',
  axios: '`traceAxios(axios).get`',
};

const COUNT = 600;

/** CPU that tracing adds to a request of Node's HTTP client and of axios, in the client's process alone. */
export async function httpClients(effort: Effort): Promise<Report> {
  const server = await startSubject(new URL('fastify-server.ts', import.meta.url), ['bare' satisfies FastifyVariant]);
  const file = new URL('client.ts', import.meta.url);
  const results: Result[] = [];
  const notes: string[] = [];
  try {
    for (const [task, what] of Object.entries(tasks)) {
      const options = { warmUp: 8000, args: [task, String(server.ready)] };
      const pairs = await measureInPairs(file, ['ours', 'hand-written'], 'bare', COUNT, effort, options);
      const apart = await measureApart(file, ['ours', 'peer'], 'bare', COUNT, effort, options);
      results.push(
        {
          what,
          opponent: 'instrumentation-http',
          ours: over(apart['ours']),
          theirs: over(apart['peer']),
          target: 1,
        },
        {
          what,
          opponent: 'hand-written: the same span, inject',
          ours: over(pairs['ours']),
          theirs: over(pairs['hand-written']),
          target: 1.3,
        },
      );
      const spans = Object.entries({ ...apart, ...pairs }).map(
        ([name, { variant }]) => `${name} ${variant.spans.toFixed(2)}`,
      );
      notes.push(
        `${what}: bare ${median(pairs['ours']?.bare.rounds ?? []).toFixed(1)} µs; spans a request: ${spans.join(', ')}.`,
      );
    }
  } finally {
    await server.stop();
  }
  return {
    title: 'http clients',
    method:
      "CPU a request of the client's process over that of bare `http.get`, or of bare axios, within a span that is there: 20 requests at once on an agent that keeps connections alive, each answer of a bare Fastify in another process read to its end. Beside hand-written, bare and traced take turns in one process; the instrumentation patches what its process loads, so it has one of its own, and so have ours and bare beside it. Averages over rounds without the tenth at each end.",
    results,
    notes: [
      ...notes,
      "Its floor: the events of a request come in the caller's context, and its end, its errors, its redirects and its retries are followed, which hand-written does not. The code is cold between two waits for a socket: a microsecond of a loop is about four here.",
    ],
  };
}

function over(pair: Pair | undefined): number {
  return pair === undefined ? Number.NaN : addedOnAverage(pair.variant, pair.bare);
}

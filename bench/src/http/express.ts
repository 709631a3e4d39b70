import { measure } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import { compare, notesOf } from './compare.ts';
import type { ExpressVariant } from './express-server.ts';
import { CONNECTIONS, load } from './load.ts';

const variants: readonly ExpressVariant[] = ['bare', 'ours', 'http+express', 'hand-written', 'minimal'];

/** CPU that tracing adds to a request of Express 5, in the server's process alone. */
export async function express(effort: Effort): Promise<Report> {
  const costs = await measure(new URL('express-server.ts', import.meta.url), variants, 1500, effort, {
    warmUp: 20_000,
    drive: load,
  });
  return {
    title: 'express',
    method: `CPU a request of the server's process over that of bare Express 5 (\`res.json\` under \`/users/:id\`): ${CONNECTIONS} keep-alive connections, every request with \`traceparent\` and \`user-agent\`.`,
    results: compare(costs, 'bare', '`traceContext()` on Express 5, a request', 'ours', [
      { variant: 'http+express', opponent: 'instrumentation-http + instrumentation-express', target: 1 / 3 },
      { variant: 'hand-written', opponent: 'hand-written middleware: extract, the same span, run', target: 1.3 },
      { variant: 'minimal', opponent: 'the same with three attributes instead of ten before the response' },
    ]),
    notes: [
      ...notesOf(costs),
      "Its floor: about 4 of the microseconds over hand-written are core's (limits, policy, the chain, redaction), one is for listeners that are bound to the request's context. No part of it costs more than the rest.",
    ],
  };
}

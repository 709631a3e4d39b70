import { measure } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import { compare, notesOf } from './compare.ts';
import { CONNECTIONS, load } from './load.ts';
import type { WebVariant } from './web-server.ts';

const variants: readonly WebVariant[] = [
  'bare Hono',
  'Hono, ours',
  'Hono, @hono/otel',
  'Hono, hand-written',
  'bare handler',
  'handler, ours',
  'handler, hand-written',
];

/** CPU that tracing adds to a request of Hono and of a plain fetch handler, in the server's process alone. */
export async function web(effort: Effort): Promise<Report> {
  const costs = await measure(new URL('web-server.ts', import.meta.url), variants, 1500, effort, {
    warmUp: 20_000,
    drive: load,
  });
  return {
    title: 'web',
    method: `CPU a request of the server's process over that of bare Hono 4 (\`c.json\` under \`/users/:id\`), or of a bare handler (\`Response.json\`), both on @hono/node-server: ${CONNECTIONS} keep-alive connections, every request with \`traceparent\` and \`user-agent\`. @hono/otel has four attributes and ends when the handlers have returned. The others have twelve: hand-written ends when the answer is out, ours does too, but for a body that is there whole, with which it ends.`,
    results: [
      ...compare(costs, 'bare Hono', '`traceContext()` on Hono, a request', 'Hono, ours', [
        { variant: 'Hono, @hono/otel', opponent: '@hono/otel', target: 1 },
        {
          variant: 'Hono, hand-written',
          opponent: 'hand-written middleware: extract, the same span, run',
          target: 1.3,
        },
      ]),
      ...compare(costs, 'bare handler', '`traceHandler` around a fetch handler, a request', 'handler, ours', [
        { variant: 'handler, hand-written', opponent: 'hand-written: extract, the same span, run', target: 1.3 },
      ]),
    ],
    notes: [
      ...notesOf(costs),
      'Its floor: the body of an answer that is not light is read ahead and put into another `Response`, so that it is read in the context of the hop, which ends with it. Nothing tells text that is there whole from a stream.',
    ],
  };
}

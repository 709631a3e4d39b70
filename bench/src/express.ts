import { connect } from 'node:net';
import { added, measure, median } from './measure.ts';
import type { Effort } from './measure.ts';
import type { Subject } from './subject.ts';
import type { ExpressVariant } from './express-server.ts';
import type { Report } from './results.ts';

const variants: readonly ExpressVariant[] = ['bare', 'ours', 'http+express', 'hand-written', 'minimal'];
const CONNECTIONS = 20;

/** CPU that tracing adds to a request of Express 5, in the server's process alone. */
export async function express(effort: Effort): Promise<Report> {
  const costs = await measure(new URL('express-server.ts', import.meta.url), variants, 1500, effort, {
    warmUp: 20_000,
    drive: load,
  });
  const ours = added(costs.ours, costs.bare);
  const against = (name: ExpressVariant): number => added(costs[name], costs.bare);
  const what = '`traceContext()` on Express 5, a request';
  return {
    title: 'express',
    method: `CPU a request of the server's process over that of bare Express 5 (\`res.json\` under \`/users/:id\`): ${CONNECTIONS} keep-alive connections, every request with \`traceparent\` and \`user-agent\`.`,
    results: [
      {
        what,
        opponent: 'instrumentation-http + instrumentation-express',
        ours,
        theirs: against('http+express'),
        target: 1 / 3,
      },
      {
        what,
        opponent: 'hand-written middleware: extract, the same span, run',
        ours,
        theirs: against('hand-written'),
        target: 1.3,
      },
      {
        what,
        opponent: 'the same with three attributes instead of ten before the response',
        ours,
        theirs: against('minimal'),
      },
    ],
    notes: [
      `Bare: ${median(costs.bare.rounds).toFixed(1)} µs.`,
      `Spans a request: ${variants.map((name) => `${name} ${costs[name].spans.toFixed(2)}`).join(', ')}.`,
    ],
  };
}

const REQUEST = Buffer.from(
  [
    'GET /users/42 HTTP/1.1',
    'Host: 127.0.0.1:8080',
    'User-Agent: bench/1.0',
    'Accept: application/json',
    'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '',
    '',
  ].join('\r\n'),
);
const BODY_END = 0x7d;

/** Sends `count` requests over keep-alive connections, each one when the answer to the one before is there. */
async function load(subject: Subject, count: number): Promise<void> {
  const port = Number(subject.ready);
  let left = count;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      await new Promise<void>((resolve, reject) => {
        const next = (): void => {
          if (left-- > 0) socket.write(REQUEST);
          else socket.end(resolve);
        };
        socket.on('error', reject);
        socket.on('connect', next);
        // The body is small JSON: the last byte of an answer is its closing brace.
        socket.on('data', (chunk: Buffer) => {
          if (chunk[chunk.length - 1] === BODY_END) next();
        });
      });
    }),
  );
}

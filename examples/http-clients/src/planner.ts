/** The planner: `/moved` leads to `/plan`, `/busy` is busy once for each client. Ends with its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { startTelemetry } from './telemetry.ts';

const provider = startTelemetry('planner');
const middleware = traceContext();
const busy = new Set<string>();

const server = createServer((request, response) =>
  middleware(request, response, () => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://planner');
    const client = searchParams.get('client') ?? '';
    if (pathname === '/moved') return response.writeHead(302, { location: `/plan?client=${client}` }).end();
    if (pathname === '/busy' && !busy.has(client)) {
      busy.add(client);
      return response.writeHead(503).end();
    }
    return trace.getTracer('planner').startActiveSpan(`plan for ${client}`, (span) => {
      response.end('done');
      span.end();
    });
  }),
);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('message', () => {
  server.close();
  server.closeAllConnections();
  void provider.shutdown().then(() => process.disconnect());
});

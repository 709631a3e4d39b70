/** An HTTP service as `node service.ts TRACER FAULT`. It calls the URL that its query names, and tells its own URL by a message. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type { AddressInfo } from 'node:net';
import type Express from 'express';
import type { Tracing } from './tracing.ts';

/** Who traces it: nobody; ours, in the modes of docs/TRUST.md; a stock instrumentation. */
export type Tracer = 'none' | 'mesh' | 'edge' | 'ratio-edge' | 'stock' | 'stock-ratio';
/** What is wrong with it. `relay` is no fault: it passes on the headers that came. */
export type Fault =
  | 'none'
  | 'relay'
  | 'crash-on-uppercase'
  | 'crash-later'
  | 'fails-on-percent'
  | 'drops-on-proto'
  | 'hangs-on-long'
  | 'splits-headers'
  | 'leaks-tenant'
  | 'flaky'
  | 'uses-anything';

const [tracer, fault] = process.argv.slice(2) as [Tracer, Fault];
let tracing: Tracing | undefined;
if (tracer !== 'none') tracing = (await import('./tracing.ts')).tracingOf(tracer);

// Instrumentations patch what is required after them.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const express = require('express') as typeof Express;

/** Calls a URL as the tracer does it. */
async function call(url: string, headers: Record<string, string>): Promise<void> {
  if (tracing?.fetch !== undefined) await (await tracing.fetch(url, { headers })).text();
  else {
    const request = http.get(url, { headers });
    const [response] = (await once(request, 'response')) as [Http.IncomingMessage];
    await once(response.resume(), 'end');
  }
}

const app = express();
if (tracing?.middleware !== undefined) app.use(tracing.middleware);
let count = 0;
app.all('/', async (request, response) => {
  const { traceparent = '', baggage = '', tracestate = '' } = request.headers as Record<string, string | undefined>;
  const passedOn: Record<string, string> = {};
  if (fault === 'relay') {
    for (const name of ['traceparent', 'tracestate', 'baggage']) {
      const value = request.headers[name];
      if (typeof value === 'string') passedOn[name] = value;
    }
  }
  if (fault === 'leaks-tenant') passedOn['baggage'] = ['tenant=acme', baggage].filter(Boolean).join(',');
  if (fault === 'uses-anything' && traceparent !== '') {
    const [, traceId = '', spanId = ''] = traceparent.toLowerCase().split('-');
    passedOn['traceparent'] =
      `00-${traceId.padStart(32, '0').slice(0, 32)}-${spanId.replace(/^0+$/, '7'.repeat(16))}-01`;
  }
  if (fault === 'crash-on-uppercase' && /[A-F]/.test(traceparent)) process.exit(1);
  if (fault === 'crash-later' && /[A-F]/.test(traceparent)) setTimeout(() => process.exit(1), 5);
  if (fault === 'drops-on-proto' && baggage.includes('__proto__')) return void request.socket.destroy();
  if (fault === 'hangs-on-long' && tracestate.length > 512) return;
  if (fault === 'flaky' && ++count % 3 === 0) return void response.status(500).end('sometimes');
  if (fault === 'fails-on-percent') decodeURIComponent(baggage);
  if (fault === 'splits-headers') {
    // As a server of another language does it: Node refuses to.
    const secret = decodeURIComponent(/probe-secret=([^,]*)/.exec(baggage)?.[1] ?? '');
    request.socket.end(`HTTP/1.1 200 OK\r\nx-user: ${secret}\r\ncontent-length: 0\r\n\r\n`);
    return;
  }
  const { url } = request.query;
  if (typeof url === 'string' && url !== '') await call(url, passedOn);
  response.json('done');
});
const server = http.createServer(app);
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.send?.(`http://127.0.0.1:${port}/`);

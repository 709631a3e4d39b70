/**
 * An agent on Express that asks the next ones of its list, in turn. A relay is between them and knows nothing of traces: `stale` keeps the
 * baggage of its first request and sends that on with every other, as a session of an HTTP client does.
 */
import { createServer } from 'node:http';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';
import { traceFetch } from '@throughline/fetch';
import express from 'express';

const { OTEL_SERVICE_NAME: name = 'agent', PORT, NEXT = '' } = process.env;
const [kind = 'agent'] = process.argv.slice(2);

function serveAgent(): void {
  const telemetry = startTelemetry(name);
  process.on('SIGTERM', () => void telemetry.shutdown().then(() => process.exit(0)));
  const ask = traceFetch(fetch, { agent: name });
  const app = express();
  app.use(traceContext({ agent: name }));
  app.get('/ask', async (request, response) => {
    for (const url of NEXT.split(' ').filter((one) => one !== '')) await (await ask(url)).text();
    response.json({ from: name, asked: request.query['q'] });
  });
  app.listen(Number(PORT), '127.0.0.1');
}

function serveRelay(): void {
  let baggage: string | undefined;
  const server = createServer((request, response) => {
    const { traceparent, baggage: sent } = request.headers as Record<string, string | undefined>;
    baggage ??= sent;
    const fields = { ...(traceparent && { traceparent }), ...(baggage && { baggage }) };
    void fetch(NEXT, { headers: fields })
      .then((answer) => answer.text())
      .then((text) => response.end(text));
  });
  server.listen(Number(PORT), '127.0.0.1');
}

if (kind === 'relay') serveRelay();
else serveAgent();

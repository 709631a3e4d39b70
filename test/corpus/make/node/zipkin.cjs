/** Zipkin's own tracer, in which a CLIENT span and the SERVER span that answers it have one id. Its context travels as B3. */
const express = require('express');
const { BatchRecorder, ExplicitContext, Tracer, jsonEncoder } = require('zipkin');
const { expressMiddleware } = require('zipkin-instrumentation-express');
const wrapFetch = require('zipkin-instrumentation-fetch');

const { OTEL_SERVICE_NAME: localServiceName, OTEL_EXPORTER_OTLP_ENDPOINT: receiver, NEXT, PORT } = process.env;
const logger = {
  spans: [],
  logSpan: (span) => logger.spans.push(JSON.parse(jsonEncoder.JSON_V2.encode(span))),
};
const tracer = new Tracer({
  ctxImpl: new ExplicitContext(),
  recorder: new BatchRecorder({ logger }),
  localServiceName,
});
process.on('SIGTERM', async () => {
  const headers = { 'content-type': 'application/json' };
  await fetch(`${receiver}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify(logger.spans) });
  process.exit(0);
});

const app = express();
app.use(expressMiddleware({ tracer, port: Number(PORT) }));
app.get('/search', async (request, response) => {
  if (NEXT !== undefined)
    await tracer.letId(request._trace_id, () => wrapFetch(fetch, { tracer })(`${NEXT}/search?q=a`));
  response.json({});
});
app.listen(Number(PORT), '127.0.0.1');

import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import express from 'express';
import { close, urlOf } from './server.ts';

const telemetry = startTelemetry();
const model = new EventEmitter();
const seen: unknown[] = [];
const look = (): void => void seen.push(trace.getActiveSpan()?.spanContext().traceId);
const app = express();
app.use(traceContext());

// #region emitter
import { bindEmitter } from '@throughline/core';

app.get('/answers', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  const tokens = bindEmitter(model);
  const onToken = (token: string): void => {
    look(); // in the span of this request; without bindEmitter in that of whoever emits
    response.write(`data: ${token}\n\n`);
  };
  tokens.on('token', onToken);
  response.on('close', () => tokens.off('token', onToken));
});
// #endregion

async function* readAnswer(body: AsyncIterable<Uint8Array> | null): AsyncGenerator<string> {
  const text = new TextDecoder();
  for await (const chunk of body ?? []) {
    look();
    yield text.decode(chunk, { stream: true });
  }
}

const server = app.listen(0, '127.0.0.1');
const url = `${await urlOf(server)}/answers`;
const tracedFetch = traceFetch();

// #region iterable
import { bindAsyncIterable } from '@throughline/core';

async function answer(signal: AbortSignal): Promise<AsyncIterable<string>> {
  const response = await tracedFetch(url, { signal }); // its span ends here, at the headers
  return bindAsyncIterable(readAnswer(response.body)); // what reads the body goes on in this context
}
// #endregion

import assert from 'node:assert/strict';

const leave = new AbortController();
let whileOpen: string[] = [];
const tokens = await trace.getTracer('example').startActiveSpan('turn', async (turn) => {
  const found = await answer(leave.signal);
  turn.end();
  return found;
});
model.emit('token', 'one');
for await (const _token of tokens) {
  whileOpen = telemetry.spans().map(({ name }) => name);
  break;
}
leave.abort();
// The server sees that its client left.
for (let tries = 0; tries < 500 && telemetry.spans().length < 3; tries++) await sleep(10);
await close(server);
const { traceId } = telemetry.find('turn').spanContext();
assert.deepEqual(whileOpen, ['GET', 'turn']);
assert.deepEqual(seen, [traceId, traceId]);
const served = telemetry.find('GET /answers');
assert.equal(served.spanContext().traceId, traceId);
assert.deepEqual([served.status.code, served.attributes['throughline.aborted']], [SpanStatusCode.UNSET, true]);
await telemetry.shutdown();
console.log('both ends of a stream run in the trace that asked for it');

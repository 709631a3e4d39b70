// #region pino
import { trace } from '@opentelemetry/api';
import pino from 'pino';
import winston from 'winston';

/** The ids of the active span, by the names that OpenTelemetry's log instrumentations use. */
function traceIds(): Record<string, string> {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

const byPino = pino({ mixin: traceIds }, pino.destination({ dest: 2, sync: true })); // 2 is stderr
const byWinston = winston.createLogger({
  // Read as each line is logged. A format runs later, where a transport is slow, and finds the ids of another line.
  defaultMeta: {
    get trace_id() {
      return traceIds()['trace_id'];
    },
    get span_id() {
      return traceIds()['span_id'];
    },
  },
  format: winston.format.json(),
  transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info'] })],
});
// #endregion

// #region diag
import { diag, DiagLogLevel } from '@opentelemetry/api';

const { error } = console; // console.info and console.debug write to stdout
diag.setLogger({ error, warn: error, info: error, debug: error, verbose: error }, DiagLogLevel.WARN);
// #endregion

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import express from 'express';
import { close, urlOf } from './server.ts';

if (process.argv[2] === 'serve') {
  const telemetry = startTelemetry();
  const app = express();
  app.use(traceContext());
  app.get('/', (_request, response) => {
    byPino.info('asked');
    byWinston.info('asked');
    response.end();
  });
  const server = app.listen(0, '127.0.0.1');
  await fetch(await urlOf(server), { headers: { traceparent: 'not valid' } });
  await close(server);
  console.error(telemetry.find('GET /').spanContext().traceId);
  await telemetry.shutdown();
} else {
  const { stdout, stderr } = spawnSync(process.execPath, [import.meta.filename, 'serve'], { encoding: 'utf8' });
  const traceId = stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.equal(stdout, '');
  assert.equal(stderr.match(new RegExp(`"trace_id":"${traceId}"`, 'g'))?.length, 2);
  assert.ok(stderr.includes('throughline: a http hop offered a `traceparent` that is not valid'));
  console.log('logs carry the trace, and nothing writes to stdout');
}

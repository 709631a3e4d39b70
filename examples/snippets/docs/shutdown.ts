import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { trace } from '@opentelemetry/api';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { register } from '@throughline/core';
import { startKafka } from '@throughline/servers';
import { traceContext } from '@throughline/express';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import { checkChains, startCollector } from '@throughline/verify';
import express from 'express';
import { Kafka, logLevel } from 'kafkajs';
import { urlOf } from './server.ts';

/** The service: a request that is answered late, a producer and a consumer. It tells its parent when it is ready and when it is asked. */
async function serve(brokers: string[]): Promise<void> {
  // As long as a batch may wait: what the order below does not flush is lost.
  const sdk = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: 60_000 })],
  });
  trace.setGlobalTracerProvider(sdk);
  register();
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const producer = traceProducer(kafka.producer());
  const consumer = traceConsumer(kafka.consumer({ groupId: 'late', maxWaitTimeInMs: 100 }));
  await producer.connect();
  await producer.send({ topic: 'tasks', messages: [{ value: 'from the start' }] });
  await consumer.connect();
  await consumer.subscribe({ topics: ['tasks'], fromBeginning: true });
  const handled = new Promise<void>((resolve) => {
    void consumer.run({ eachMessage: async () => resolve() });
  });
  const app = express();
  app.use(traceContext());
  app.get('/late', async (_request, response) => {
    process.send?.('asked');
    await once(process, 'SIGTERM');
    await producer.send({ topic: 'other', messages: [{ value: 'from a request that was running' }] });
    response.json({});
  });
  const server = app.listen(0, '127.0.0.1');
  await handled;

  // #region shutdown
  process.on('SIGTERM', async () => {
    // 1. Take no new work. `close` calls back once the requests that run are answered.
    await new Promise((resolve) => server.close(resolve));
    await consumer.disconnect();
    // 2. Disconnect what you call with: the spans that are open end here.
    await producer.disconnect();
    // 3. Flush, last of all.
    await sdk.shutdown();
    process.exit(0);
  });
  // #endregion
  process.send?.(await urlOf(server));
}

if (process.argv[2] !== undefined) await serve(process.argv[2].split(','));
else {
  const broker = await startKafka();
  const collector = await startCollector();
  const child = fork(import.meta.filename, [broker.brokers.join(',')], {
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'late' },
  });
  const [url] = (await once(child, 'message')) as [string];
  const asked = once(child, 'message');
  const answered = fetch(`${url}/late`, { headers: { connection: 'close' } });
  await asked;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.equal((await answered).status, 200);
  assert.deepEqual(await ended, [0, null]);
  const spans = collector.spans();
  await collector.close();
  await broker.stop();
  assert.deepEqual(spans.map(({ name }) => name).sort(), ['GET /late', 'process tasks', 'send other', 'send tasks']);
  assert.deepEqual(checkChains(spans).findings, []);
  console.log('a process that is asked to end exports every span');
}

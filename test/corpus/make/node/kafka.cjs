/**
 * Kafka by kafkajs. Of gateways: `plain`; `shared` gives all messages of a batch one headers object, into which the instrumentation
 * writes for each. Of workers: `each`; `batch`; `beside`, whose handler starts a CONSUMER span of its own beside the instrumentation's.
 */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici', 'kafkajs');
const { ROOT_CONTEXT, SpanKind, context, propagation, trace } = require('@opentelemetry/api');
const express = require('express');
const { Kafka, logLevel } = require('kafkajs');

const { KAFKA, TOPIC: topic, GROUP: groupId, NEXT } = process.env;
const kafka = new Kafka({ brokers: KAFKA.split(','), logLevel: logLevel.NOTHING });
const search = async (q) => (await fetch(`${NEXT}?q=${q}`)).text();

async function produce(isShared) {
  const producer = kafka.producer();
  await producer.connect();
  const app = express();
  app.post('/order', async (request, response) => {
    const headers = { origin: 'web' };
    const messages = ['a', 'b', 'c'].map((value) => ({ value, headers: isShared ? headers : { ...headers } }));
    await producer.send({ topic, messages });
    response.end();
  });
  listen(app);
}

async function consume(run) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run(run);
  console.log('ready');
}

const each = { eachMessage: ({ message }) => search(message.value) };
const batch = {
  eachBatch: async ({ batch: { messages } }) => {
    for (const { value } of messages) await search(value);
  },
};
const beside = {
  eachMessage: async ({ message, partition }) => {
    const parent = propagation.extract(ROOT_CONTEXT, message.headers, {
      get: (headers, key) => headers[key]?.toString(),
      keys: (headers) => Object.keys(headers),
    });
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.destination.name': topic,
      'messaging.operation.type': 'process',
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': Number(message.offset),
    };
    const own = trace.getTracer('own').startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes }, parent);
    await context.with(trace.setSpan(parent, own), () => search(message.value));
    own.end();
  },
};

void {
  plain: () => produce(false),
  shared: () => produce(true),
  each: () => consume(each),
  batch: () => consume(batch),
  beside: () => consume(beside),
}[process.argv[2]]();

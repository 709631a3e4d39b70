import { createRequire } from 'node:module';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, TextMapGetter, Tracer } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import type * as KafkaJS from 'kafkajs';
import type { ConsumerRunConfig, EachMessageHandler, IHeaders, Message, ProducerRecord, RecordMetadata } from 'kafkajs';
import { beSubject } from './measure.ts';
import type { Work } from './measure.ts';
import { startTelemetry } from './telemetry.ts';

/** How messages are traced. */
export type KafkaVariant =
  | 'bare'
  | 'constant'
  | 'constant, lineage'
  | 'ours'
  | 'ours, in a chain'
  | 'ours, spanPerMessage'
  | 'ours, runWith'
  | 'hand-written'
  | 'instrumentation';
/** What is done with messages: a number says how many are produced in one call. */
export type KafkaTask = '1' | '10' | '100' | '1000' | 'eachMessage' | 'eachBatch';

const [variant, task, brokers = '', topic = '', sampled] = process.argv.slice(2) as [
  KafkaVariant,
  KafkaTask,
  string?,
  string?,
  string?,
];
const telemetry = startTelemetry({ sampled: sampled !== 'unsampled' });
if (variant === 'instrumentation') {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new KafkaJsInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof KafkaJS;
const clientId = 'bench';
const kafka = new Kafka({ clientId, brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const groupId = `bench ${process.pid}`;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const baggage = 'throughline.lineage=1.1.32.1.-.-.-';

beSubject(task === 'eachMessage' || task === 'eachBatch' ? await consuming(task) : await producing(Number(task)));

type Send = (record: ProducerRecord) => Promise<RecordMetadata[]>;

async function producing(atOnce: number): Promise<Work> {
  const bare = kafka.producer();
  const wraps = variant.startsWith('ours');
  const spanPerMessage = variant === 'ours, spanPerMessage';
  // A name makes the first hop carry lineage, as every later hop does: a second header in every message.
  const inChain = variant === 'ours, in a chain' ? { agent: 'planner' } : undefined;
  const producer = wraps ? traceProducer(bare, { clientId, spanPerMessage, ...inChain }) : bare;
  await producer.connect();
  const plainSend: Send = (record) => producer.send(record);
  const send =
    variant === 'hand-written'
      ? tracedSend(plainSend, telemetry.tracer)
      : variant.startsWith('constant')
        ? constantSend(plainSend, variant === 'constant' ? { traceparent } : { traceparent, baggage })
        : plainSend;
  const value = Buffer.alloc(1024, 'x');
  const messages = Array.from({ length: atOnce }, (_, at): Message => ({
    key: `key-${at}`,
    value,
    headers: { type: 'text' },
  }));
  return {
    async run(count) {
      for (let sent = 0; sent < count; sent += atOnce) await send({ topic, messages });
    },
    spans: telemetry.spans,
    stop: () => producer.disconnect(),
  };
}

async function consuming(task: 'eachMessage' | 'eachBatch'): Promise<Work> {
  const bare = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  const wraps = variant === 'ours' || variant === 'ours, runWith';
  const consumer = wraps ? traceConsumer(bare, { clientId }) : bare;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = 0;
  let done: (() => void) | undefined;
  const consumed = (): void => {
    if (--left === 0) {
      consumer.pause([{ topic }]);
      done?.();
    }
  };
  const eachMessage: EachMessageHandler = async () => consumed();
  const handler = variant === 'hand-written' ? tracedHandler(eachMessage, telemetry.tracer) : eachMessage;
  const eachBatch: ConsumerRunConfig['eachBatch'] = async (payload) => {
    const { batch, resolveOffset } = payload;
    const runWith = variant === 'ours, runWith' ? (payload as { runWith?: RunWith }).runWith : undefined;
    for (const message of batch.messages) {
      if (runWith !== undefined) runWith(message, consumed);
      else if (variant === 'hand-written') await handler({ ...payload, ...batch, message });
      else consumed();
      resolveOffset(message.offset);
    }
  };
  await consumer.run(task === 'eachBatch' ? { eachBatch } : { eachMessage: handler });
  return {
    run: (count) =>
      new Promise((resolve) => {
        left = count;
        done = resolve;
        consumer.seek({ topic, partition: 0, offset: '0' });
        consumer.resume([{ topic }]);
      }),
    spans: telemetry.spans,
    stop: () => consumer.disconnect(),
  };
}

type RunWith = <T>(message: object, fn: () => T) => T;

/** The floor: copies the messages, and puts the same fields into each. */
function constantSend(send: Send, fields: IHeaders): Send {
  return (record) =>
    send({
      ...record,
      messages: record.messages.map((message) => ({
        ...message,
        headers: { ...message.headers, ...fields },
      })),
    });
}

/** What anyone would write around `send`: a span for each message, its context in the message's headers. */
function tracedSend(send: Send, tracer: Tracer): Send {
  return async (record) => {
    const active = context.active();
    const spans = record.messages.map(({ key, value }) =>
      tracer.startSpan(
        `send ${record.topic}`,
        { kind: SpanKind.PRODUCER, attributes: sendAttributes(record.topic, key, value) },
        active,
      ),
    );
    const messages = record.messages.map((message, at): Message => {
      const headers: IHeaders = { ...message.headers };
      const span = spans[at];
      if (span !== undefined) propagation.inject(trace.setSpan(active, span), headers);
      return { ...message, headers };
    });
    try {
      return await send({ ...record, messages });
    } catch (error) {
      for (const span of spans) {
        span.recordException(error as Error);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      throw error;
    } finally {
      for (const span of spans) span.end();
    }
  };
}

function sendAttributes(topic: string, key: Message['key'], value: Message['value']): Attributes {
  const attributes: Attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.client.id': clientId,
  };
  if (key !== undefined && key !== null) attributes['messaging.kafka.message.key'] = String(key);
  if (value === null) attributes['messaging.kafka.message.tombstone'] = true;
  return attributes;
}

const headersGetter: TextMapGetter<IHeaders> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, key) => headers[key]?.toString(),
};

/** What anyone would write around a handler of messages: extract, the same span, run. */
function tracedHandler(handler: EachMessageHandler, tracer: Tracer): EachMessageHandler {
  return async (payload) => {
    const { topic, partition, message } = payload;
    const parent = propagation.extract(ROOT_CONTEXT, message.headers ?? {}, headersGetter);
    const sender = trace.getSpanContext(parent);
    const attributes: Attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': groupId,
      'messaging.client.id': clientId,
      'messaging.kafka.offset': Number(message.offset),
      'throughline.queue.duration': (Date.now() - Number(message.timestamp)) / 1000,
    };
    if (message.key !== null) attributes['messaging.kafka.message.key'] = message.key.toString();
    if (message.value === null) attributes['messaging.kafka.message.tombstone'] = true;
    const links = sender === undefined ? [] : [{ context: sender }];
    const span = tracer.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes, links }, parent);
    try {
      await context.with(trace.setSpan(parent, span), handler, undefined, payload);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  };
}

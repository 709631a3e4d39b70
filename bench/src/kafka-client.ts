import { createRequire } from 'node:module';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, TextMapGetter, Tracer } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs';
import { traceConsumer, traceProducer } from '@throughline/kafkajs';
import type { ProducerOptions } from '@throughline/kafkajs';
import type * as KafkaJS from 'kafkajs';
import type { ConsumerRunConfig, EachMessageHandler, IHeaders, Message, ProducerRecord, RecordMetadata } from 'kafkajs';
import { beSubject } from './subject.ts';
import type { Work } from './subject.ts';
import { startTelemetry } from './telemetry.ts';

/** How messages are traced. */
export type KafkaVariant =
  | 'bare'
  | 'constant'
  | 'constant, lineage'
  | 'least'
  | 'ours'
  | 'ours, in a chain'
  | 'ours, spanPerMessage'
  | 'ours, runWith'
  | 'hand-written'
  | 'instrumentation';
/** What is done with messages: a number says how many are produced in one call. */
export type KafkaTask = '1' | '10' | '100' | '1000' | 'eachMessage' | 'eachBatch';

const [variants, task, brokers = '', topic = '', sampled] = process.argv.slice(2) as [
  string,
  KafkaTask,
  string?,
  string?,
  string?,
];
const telemetry = startTelemetry({ sampled: sampled !== 'unsampled' });
const clientId = 'bench';
const groupId = `bench ${process.pid}`;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const baggage = 'throughline.lineage=1.1.32.1.-.-.-';

beSubject(
  task === 'eachMessage' || task === 'eachBatch'
    ? await consuming(task, variants as KafkaVariant)
    : await producing(Number(task), variants.split(';') as KafkaVariant[]),
);

function newClient(instrumented: boolean): KafkaJS.Kafka {
  if (instrumented) {
    registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new KafkaJsInstrumentation()] });
  }
  // Loaded by `require` and after the instrumentation, which is how it gets to patch it.
  const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof KafkaJS;
  return new Kafka({ clientId, brokers: brokers.split(','), logLevel: logLevel.NOTHING });
}

type Send = (record: ProducerRecord) => Promise<RecordMetadata[]>;

async function producing(atOnce: number, variants: readonly KafkaVariant[]): Promise<Work> {
  // One connection for both: what two of them cost differs by more than what is measured.
  const producer = newClient(variants.includes('instrumentation')).producer();
  await producer.connect();
  const sends = new Map(variants.map((variant) => [variant as string, sendOf(variant, producer)]));
  // What runs once for each call is to be compiled as well, also where calls take so many messages that they are few.
  if (atOnce > 10) for (const [variant, send] of sends) await callOften(send, variant === 'bare' ? 2500 : 10_000);
  return {
    async run(count, variant = '') {
      const send = sends.get(variant);
      if (send === undefined) throw new Error(`no variant '${variant}'`);
      // Each has messages of its own: the instrumentation writes its fields into those that it is given.
      const messages = newMessages(atOnce);
      for (let sent = 0; sent < count; sent += atOnce) await send({ topic, messages });
    },
    spans: telemetry.spans,
    stop: () => producer.disconnect(),
  };
}

async function callOften(send: Send, calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) await send({ topic, messages: newMessages(10) });
}

function sendOf(variant: KafkaVariant, producer: KafkaJS.Producer): Send {
  if (variant === 'instrumentation') return (record) => producer.send(record);
  // What the instrumentation patched has the function that was there before.
  const send = (producer.send as { __original?: Send }).__original ?? producer.send;
  const bare: KafkaJS.Producer = { ...producer, send };
  switch (variant) {
    case 'constant':
      return constantSend(send, { traceparent });
    case 'constant, lineage':
      return constantSend(send, { traceparent, baggage });
    case 'least':
      return leastSend(send, telemetry.tracer);
    case 'hand-written':
      return tracedSend(send, telemetry.tracer);
    case 'ours':
      return tracedBy({ clientId });
    case 'ours, spanPerMessage':
      return tracedBy({ clientId, spanPerMessage: true });
    // A name makes the first hop carry lineage, as every later hop does: a second header in every message.
    case 'ours, in a chain':
      return tracedBy({ clientId, agent: 'planner' });
    default:
      return send;
  }

  function tracedBy(options: ProducerOptions): Send {
    const traced = traceProducer(bare, options);
    return (record) => traced.send(record);
  }
}

function newMessages(count: number): Message[] {
  const value = Buffer.alloc(1024, 'x');
  return Array.from({ length: count }, (_, at) => ({ key: `key-${at}`, value, headers: { type: 'text' } }));
}

async function consuming(task: 'eachMessage' | 'eachBatch', variant: KafkaVariant): Promise<Work> {
  const bare = newClient(variant === 'instrumentation').consumer({ groupId, maxWaitTimeInMs: 50 });
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
  const handler =
    variant === 'hand-written'
      ? tracedHandler(eachMessage, telemetry.tracer)
      : variant === 'least'
        ? leastHandler(eachMessage, telemetry.tracer)
        : eachMessage;
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

/** One span for each call, that says what samplers are shown, and its context in the messages: nothing that is optional. */
function leastSend(send: Send, tracer: Tracer): Send {
  return async (record) => {
    const attributes: Attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': record.topic,
    };
    const span = tracer.startSpan(`send ${record.topic}`, { kind: SpanKind.PRODUCER, attributes });
    const { traceId, spanId, traceFlags } = span.spanContext();
    const own = `00-${traceId}-${spanId}-0${traceFlags}`;
    try {
      return await constantSend(send, { traceparent: own })(record);
    } finally {
      span.end();
    }
  };
}

/** What anyone would write around `send`: a span for each message, its context in the message's headers. */
function tracedSend(send: Send, tracer: Tracer): Send {
  return async (record) => {
    const active = context.active();
    const spans = record.messages.map(({ value }) =>
      tracer.startSpan(
        `send ${record.topic}`,
        { kind: SpanKind.PRODUCER, attributes: sendAttributes(record.topic, value) },
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
      const placed = await send({ ...record, messages });
      const [only] = placed;
      if (placed.length === 1 && only !== undefined) {
        for (const span of spans) {
          span.setAttribute('messaging.destination.partition.id', String(only.partition));
          if (spans.length === 1) span.setAttribute('messaging.kafka.offset', Number(only.baseOffset));
        }
      }
      return placed;
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

function sendAttributes(topic: string, value: Message['value']): Attributes {
  const attributes: Attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.client.id': clientId,
  };
  if (value === null) attributes['messaging.kafka.message.tombstone'] = true;
  return attributes;
}

/** The parent as it stands in the header, one span for each message, that says what samplers are shown: nothing that is optional. */
function leastHandler(handler: EachMessageHandler, tracer: Tracer): EachMessageHandler {
  return async (payload) => {
    const { topic, partition, message } = payload;
    const text = String(message.headers?.['traceparent']);
    const [traceId, spanId, traceFlags] = [text.slice(3, 35), text.slice(36, 52), Number(text[54])];
    const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
    const attributes: Attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': groupId,
    };
    const span = tracer.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes }, parent);
    try {
      await context.with(trace.setSpan(parent, span), handler, undefined, payload);
    } finally {
      span.end();
    }
  };
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

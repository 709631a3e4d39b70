import { createRequire } from 'node:module';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { traceChannel } from '@throughline/amqplib';
import type * as Amqplib from 'amqplib';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { startFeeder } from './feeder.ts';
import { endSpan, handled, startSend } from './hand-written.ts';
import type { HandWritten } from './hand-written.ts';
import { asked, byCallback, byFeeding, serve } from './operations.ts';
import type { Operations } from './operations.ts';
import { traceparent } from './traceparent.ts';
import type { QueueVariant } from './variant.ts';

const AT_ONCE = 100;

const started = asked();
const { variants, task, url, telemetry } = started;
if (variants.includes('peer')) {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new AmqplibInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const amqplib = createRequire(import.meta.url)('amqplib') as typeof Amqplib;
const connection = await amqplib.connect(url);
const bare = await connection.createConfirmChannel();
await bare.prefetch(AT_ONCE);
const feeder = startFeeder('amqplib', url);
const content = Buffer.alloc(1024, 'x');
const { hostname, port } = new URL(url);
// As our spans have them.
const address = { 'network.peer.address': hostname, 'network.peer.port': Number(port) };

await serve(started, task === 'publish' ? publishing : consuming, async () => {
  feeder.stop();
  await connection.close();
});

async function newQueue(variant: QueueVariant): Promise<string> {
  const queue = `tasks-${variant}-${process.pid}`;
  // What nobody consumes makes room for what comes.
  await bare.assertQueue(queue, { durable: false, maxLength: 1000 });
  return queue;
}

async function publishing(variant: QueueVariant): Promise<Operations> {
  const queue = await newQueue(variant);
  const by: HandWritten = { tracer: telemetry.tracer, system: 'rabbitmq', destination: queue };
  const channel: ConfirmChannel = variant === 'ours' ? traceChannel(bare) : bare;
  return byCallback(AT_ONCE, (done) => {
    const headers = { type: 'text' };
    switch (variant) {
      case 'constant':
        channel.sendToQueue(queue, content, { headers: { ...headers, traceparent } }, done);
        break;
      case 'hand-written': {
        const { span, fields } = startSend(by, {
          'messaging.rabbitmq.destination.routing_key': queue,
          'messaging.message.body.size': content.length,
          ...address,
        });
        channel.sendToQueue(queue, content, { headers: { ...headers, ...fields } }, (error: unknown) => {
          endSpan(span, error);
          done();
        });
        break;
      }
      default:
        channel.sendToQueue(queue, content, { headers }, done);
    }
  });
}

async function consuming(variant: QueueVariant): Promise<Operations> {
  const queue = await newQueue(variant);
  const by: HandWritten = { tracer: telemetry.tracer, system: 'rabbitmq', destination: queue };
  const channel: ConfirmChannel = variant === 'ours' ? traceChannel(bare) : bare;
  const { operations, received } = byFeeding(feeder, { destination: queue, count: AT_ONCE });
  const handle = (message: ConsumeMessage): void => {
    channel.ack(message);
    received();
  };
  const traced = (message: ConsumeMessage): void => {
    const { deliveryTag, routingKey } = message.fields;
    const more = {
      'messaging.rabbitmq.destination.routing_key': routingKey,
      'messaging.rabbitmq.message.delivery_tag': deliveryTag,
      'messaging.message.body.size': message.content.length,
      ...address,
    };
    handled(by, { carrier: message.properties.headers ?? {}, more }, () => handle(message));
  };
  const handler = variant === 'hand-written' ? traced : handle;
  await channel.consume(queue, (message) => {
    if (message !== null) handler(message);
  });
  return operations;
}

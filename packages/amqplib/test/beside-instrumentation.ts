/** A service that has OpenTelemetry's amqplib instrumentation as well: sends and handles messages, and prints what came of it. */
import { createRequire } from 'node:module';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { startTelemetry } from '@throughline/test-telemetry';
import type * as Amqplib from 'amqplib';
import { traceChannel, tracedConsumer } from '../src/index.ts';

const [url = ''] = process.argv.slice(2);
const telemetry = startTelemetry();
const instrumentation = new AmqplibInstrumentation();
instrumentation.enable();
// Its hook patches what is required after it, by this name alone.
const amqplib = createRequire(import.meta.url)('amqplib') as typeof Amqplib;

const connection = await amqplib.connect(url);
const queue = `beside-${process.pid}`;
const setup = await connection.createChannel();
await setup.assertQueue(queue);
const body = Buffer.from('x');

interface Seen {
  readonly spans: string[];
  readonly traceparents: number;
}

async function seen(
  channel: Amqplib.Channel,
  send: (options: Amqplib.Options.Publish) => unknown,
  wrap: (handler: (message: Amqplib.ConsumeMessage | null) => void) => typeof handler = (handler) => handler,
): Promise<Seen> {
  await telemetry.reset();
  const handled = new Promise<Amqplib.ConsumeMessage>((resolve) => {
    void channel.consume(
      queue,
      wrap((message) => {
        if (message === null) return;
        channel.ack(message);
        resolve(message);
      }),
      { consumerTag: 'one' },
    );
  });
  await send(Object.freeze({ headers: Object.freeze({ mine: 1 }) }));
  const message = await handled;
  await channel.cancel('one');
  await channel.close();
  return {
    spans: telemetry
      .spans()
      .map((span) => `${span.instrumentationScope.name}: ${span.name.replace(queue, 'queue')}`)
      .toSorted(),
    traceparents: Object.keys(message.properties.headers ?? {}).filter((name) => name === 'traceparent').length,
  };
}

const plain = traceChannel(await connection.createChannel());
const confirming = traceChannel(await connection.createConfirmChannel());
const bare = await connection.createChannel();
const handler = await connection.createChannel();
const result = {
  plain: await seen(plain, (options) => plain.sendToQueue(queue, body, options)),
  confirming: await seen(confirming, async (options) => {
    confirming.sendToQueue(queue, body, options);
    await confirming.waitForConfirms();
  }),
  handler: await seen(
    handler,
    (options) => traceChannel(setup).sendToQueue(queue, body, options),
    (fn) => tracedConsumer(fn, { queue }),
  ),
  // Proof that the instrumentation is there.
  instrumented: await seen(bare, () => bare.sendToQueue(queue, body)),
};
await setup.deleteQueue(queue);
await connection.close();
await telemetry.shutdown();
process.stdout.write(JSON.stringify(result));

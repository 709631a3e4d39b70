import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import type { Channel, ConfirmChannel, ConsumeMessage, Options } from 'amqplib';
import { beforeAll, it } from 'vitest';
import { traceChannel, tracedConsumer } from '../src/index.ts';
import { connection, majors, newQueue, onRabbitmq, telemetry } from './on-rabbitmq.ts';
import type { Peer } from './on-rabbitmq.ts';

type Handler = (message: ConsumeMessage | null) => unknown;

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

// One queue and one consumer of it for all: what arrives is told by its message id.
let queue: string;
let plain: Channel;
let confirming: ConfirmChannel;
let messages = 0;
const awaited = new Map<string, (message: ConsumeMessage) => void>();
const newId = (): string => `message-${messages++}`;
const arrived = (id: string): Promise<ConsumeMessage> => new Promise((resolve) => awaited.set(id, resolve));

function headersOf(fields: readonly Field[]): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const encodable = value instanceof Uint8Array ? Buffer.from(value) : value;
    const held = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const all = held === undefined ? encodable : [held, encodable].flat();
    Object.defineProperty(headers, name, { value: all, enumerable: true, configurable: true, writable: true });
  }
  return headers;
}

// The headers of a message go in one frame, of 4096 bytes in the first versions of amqplib 0.10. Other clients send more, so that
// larger ones are put into what is received.
const MOST = 3000;
const sizeOf = (fields: readonly Field[]): number =>
  fields.reduce((sum, [, value]) => sum + (value instanceof Uint8Array ? value.length : String(value).length), 0);

const fieldsOf = ({ properties }: ConsumeMessage): Field[] =>
  Object.entries(properties.headers ?? {}).flatMap(([name, value]) =>
    [value as unknown].flat().map((one): Field => [name, one]),
  );

/** A class like amqplib's own, over a channel of its: what the library does is replaced by the case. */
class Publishing {
  instead: (() => unknown) | undefined;
  called = false;
  publish(exchange: string, routingKey: string, content: Buffer, options?: Options.Publish): unknown {
    if (this.instead !== undefined) return this.instead();
    this.called = true;
    return plain.publish(exchange, routingKey, content, options);
  }
  sendToQueue(to: string, content: Buffer, options?: Options.Publish): unknown {
    return this.publish('', to, content, options);
  }
  consume(): void {}
}

type Confirm = (error: unknown, ok: object) => void;

class Confirming extends Publishing {
  override publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options?: Options.Publish,
    callback?: Confirm,
  ): unknown {
    if (this.instead !== undefined) {
      // What is thrown is thrown; what a promise comes to the broker says.
      const result = this.instead();
      void Promise.resolve(result).then(
        () => callback?.(null, {}),
        (error: unknown) => callback?.(error, {}),
      );
      return true;
    }
    this.called = true;
    return confirming.publish(exchange, routingKey, content, options, callback);
  }
  override sendToQueue(to: string, content: Buffer, options?: Options.Publish, callback?: Confirm): unknown {
    return this.publish('', to, content, options, callback);
  }
  waitForConfirms(): Promise<void> {
    return confirming.waitForConfirms();
  }
}

type Sends = (channel: Publishing, id: string, options: Options.Publish) => unknown;

const outbound = (name: string, library: () => Publishing, sends: Sends, cannot?: object): AdapterHarness => ({
  name,
  transport: 'rabbitmq',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    ...(cannot === undefined ? undefined : { cannot }),
    open({ options, twice }) {
      const target = library();
      const once = traceChannel(target, options);
      const channel = twice ? traceChannel(once, options) : once;
      return {
        async send(call) {
          target.instead = call.instead;
          target.called = false;
          const id = newId();
          const received = arrived(id);
          const headers = call.fields && { headers: call.fields };
          const given = deepFreeze({ messageId: id, ...headers }) as Options.Publish;
          const outcome = await outcomeOf(() => sends(channel, id, given));
          return { outcome, wire: target.called && !outcome.failed ? fieldsOf(await received) : undefined };
        },
      };
    },
  },
});

const publishes: Sends = (channel, _, options) => channel.publish('', queue, Buffer.from('x'), options);
const sendsToQueue: Sends = (channel, _, options) => channel.sendToQueue(queue, Buffer.from('x'), options);
const confirms: Sends = (channel, _, options) =>
  new Promise((resolve, reject) => {
    const callback = (error: unknown): void => (error === null ? resolve(true) : reject(error));
    (channel as Confirming).publish('', queue, Buffer.from('x'), options, callback);
  });
const byCallback = {
  results: 'what comes of a message its callback is told',
  failures: 'a confirm fails with an Error, by the callback',
};

function inbound(name: string, options: Options.Consume): AdapterHarness {
  return {
    name,
    transport: 'rabbitmq',
    carrier: 'message',
    telemetry: sdk,
    inbound: {
      // A message that is refused is rejected, and nothing is thrown into amqplib.
      refused: ({ failed }) => {
        if (failed) throw new Error('a refusal came out of the handler');
      },
      async open({ options: given, twice }) {
        const arrivals = new Map<string, Arrival>();
        let onMessage: Handler | undefined;
        const target = {
          publish() {},
          sendToQueue() {},
          consume: async (_queue: string, handler: Handler) => void (onMessage = handler),
          ack() {},
          nack() {},
        };
        const once = traceChannel(target as never, given) as unknown as Channel;
        const channel = twice ? traceChannel(once, given) : once;
        await channel.consume(
          queue,
          (message) => arrivals.get(String(message?.properties.messageId))?.handle() as never,
          options,
        );
        return {
          async deliver(arrival) {
            const id = newId();
            arrivals.set(id, arrival);
            const headers = headersOf(arrival.fields);
            const fits = sizeOf(arrival.fields) < MOST;
            const received = arrived(id);
            // In the context of whoever delivers, which is then what is ambient.
            const outcome = received.then(async (message): Promise<Outcome> => {
              if (!fits) message.properties.headers = headers;
              const came = await outcomeOf(() => onMessage?.(message));
              if (options.noAck !== true && !came.failed) channel.ack(message);
              return came;
            });
            plain.publish('', queue, Buffer.from('x'), { messageId: id, ...(fits ? { headers } : undefined) });
            return outcome;
          },
        };
      },
    },
  };
}

const objects = (name: string, method: 'publish' | 'consume'): AdapterHarness => ({
  name,
  transport: 'rabbitmq',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method,
    library: () => ({
      async consume(_queue: string, handler: Handler) {
        const messageId = newId();
        const received = arrived(messageId);
        plain.sendToQueue(queue, Buffer.from('x'), { messageId });
        await handler(await received);
      },
      publish: (...args: Parameters<Channel['publish']>) => plain.publish(...args),
    }),
    wrap: (object, options) => traceChannel<never>(object as never, options),
    use: async (channel, name_) =>
      method === 'consume'
        ? channel[name_]?.(queue, async () => {}, { noAck: true })
        : channel[name_]?.('', queue, Buffer.from('x'), { messageId: newId() }),
  },
});

const functions: AdapterHarness = {
  name: 'a traced consumer',
  transport: 'rabbitmq',
  carrier: 'message',
  telemetry: sdk,
  functions: {
    wrap: (handler, options) => tracedConsumer<never>(handler as never, { ...options, queue: 'tasks' }),
    args: () => [
      { content: Buffer.from('x'), fields: { deliveryTag: 1, exchange: '', routingKey: 'tasks' }, properties: {} },
    ],
  },
};

for (const [major, name] of majors) {
  // By import, so that the oldest peers stand in for the newest.
  const peer = (await import(name)) as Peer;
  onRabbitmq(`the contract, amqplib ${major}`, peer, () => {
    beforeAll(async () => {
      queue = await newQueue('contract');
      plain = await connection.createChannel();
      confirming = await connection.createConfirmChannel();
      await plain.consume(
        queue,
        (message) => {
          const id = String(message?.properties.messageId);
          if (message !== null) awaited.get(id)?.(message);
          awaited.delete(id);
        },
        { noAck: true },
      );
    });

    const harnesses = [
      outbound(`amqplib ${major}, publish`, () => new Publishing(), publishes),
      outbound(`amqplib ${major}, sendToQueue`, () => new Publishing(), sendsToQueue),
      outbound(`amqplib ${major}, publish with confirms`, () => new Confirming(), confirms, byCallback),
      inbound(`amqplib ${major}, consume`, {}),
      inbound(`amqplib ${major}, consume without acknowledgements`, { noAck: true }),
      // What wraps knows no version.
      ...(major === '2'
        ? [objects('a channel that publishes', 'publish'), objects('a channel that consumes', 'consume'), functions]
        : []),
    ];
    for (const one of harnesses) {
      for (const { name, run } of adapterContract(one)) it(name, run);
    }
  });
}

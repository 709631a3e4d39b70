import assert from 'node:assert/strict';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Message, MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field } from '@throughline/core/testing';
import { afterAll, beforeAll, it } from 'vitest';
import { traceAws, tracedBatchHandler, tracedMessageHandler } from '../src/index.ts';
import { newQueue, onSqs, plain, receive, telemetry } from './on-sqs.ts';

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

// One queue for all, and one who receives: what arrives is told by its body.
let queue: string;
let sent = 0;
const over = new AbortController();
const awaited = new Map<string, (message: Message) => void>();
const newBody = (): string => `message-${sent++}`;
const arrived = (body: string): Promise<Message> => new Promise((resolve) => awaited.set(body, resolve));

async function receiveAll(): Promise<void> {
  while (!over.signal.aborted) {
    for (const message of await receive(queue)) {
      awaited.get(String(message.Body))?.(message);
      awaited.delete(String(message.Body));
    }
  }
}

function attributesOf(fields: Iterable<readonly [string, unknown]>): Record<string, MessageAttributeValue> {
  const attributes: Record<string, MessageAttributeValue> = {};
  for (const [name, value] of fields) {
    const attribute: MessageAttributeValue =
      value instanceof Uint8Array
        ? { DataType: 'Binary', BinaryValue: value }
        : { DataType: 'String', StringValue: String(value) };
    Object.defineProperty(attributes, name, { value: attribute, enumerable: true, configurable: true, writable: true });
  }
  return attributes;
}

const fieldsOf = (message: Message): Field[] =>
  Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, BinaryValue }]): Field => [
    name,
    StringValue ?? BinaryValue,
  ]);

const harness: AdapterHarness = {
  name: 'aws: SQS',
  transport: 'sqs',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    open({ options, twice }) {
      let instead: (() => unknown) | undefined;
      let called = false;
      const send = (command: SendMessageCommand): unknown => {
        if (instead !== undefined) return instead();
        called = true;
        return plain.send(command);
      };
      const once = traceAws({ send } as unknown as SQSClient, options);
      const client = twice ? traceAws(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          called = false;
          const body = newBody();
          const received = arrived(body);
          const attributes = call.fields && { MessageAttributes: attributesOf(Object.entries(call.fields)) };
          const input = deepFreeze({ QueueUrl: queue, MessageBody: body, ...attributes });
          const outcome = await outcomeOf(() => client.send(new SendMessageCommand(input)));
          return { outcome, wire: called && !outcome.failed ? fieldsOf(await received) : undefined };
        },
      };
    },
    cannot: { types: 'an attribute is text or bytes' },
  },
  inbound: {
    async open({ options, twice }) {
      const arrivals = new Map<string, Arrival>();
      const once = tracedMessageHandler((message: Message) => arrivals.get(String(message.Body))?.handle(), {
        ...options,
        queue,
      });
      const handle = twice ? tracedMessageHandler(once, { ...options, queue }) : once;
      return {
        async deliver(arrival) {
          const body = newBody();
          arrivals.set(body, arrival);
          const received = arrived(body);
          // In the context of whoever delivers, which is then what is ambient.
          const outcome = received.then((message) => outcomeOf(() => handle(message)));
          const MessageAttributes = attributesOf(arrival.fields);
          try {
            await plain.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: body, MessageAttributes }));
          } catch (error) {
            // Empty text, and characters that no attribute may hold; some the first version of the client cannot encode.
            assert.match((error as Error).name, /^Invalid|^URIError$/);
            const fake: Message = { Body: body, MessageAttributes };
            return outcomeOf(() => handle(fake));
          }
          return outcome;
        },
      };
    },
    cannot: { repeats: 'a message has one attribute of a name' },
  },
};

const clients: AdapterHarness = {
  name: 'an SQS client',
  transport: 'sqs',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'send',
    library: () => ({ send: (command: SendMessageCommand) => plain.send(command) }),
    wrap: (object, options) => traceAws(object as unknown as SQSClient, options) as unknown as typeof object,
    use: async (client, method) =>
      client[method]?.(new SendMessageCommand({ QueueUrl: queue, MessageBody: newBody() })),
  },
};

const held = { queue: 'https://sqs.eu-west-1.amazonaws.com/1/tasks' };
const more = { signal: new AbortController().signal };

const handlers: AdapterHarness = {
  name: 'a handler of SQS',
  transport: 'sqs',
  carrier: 'message',
  telemetry: sdk,
  functions: {
    wrap: (handler, options) => tracedMessageHandler(handler as never, { ...options, ...held }) as typeof handler,
    args: () => [{ Body: 'x' }, more],
  },
};

const batchHandlers: AdapterHarness = {
  ...handlers,
  name: 'a handler of batches of SQS',
  functions: {
    wrap: (handler, options) => tracedBatchHandler(handler as never, { ...options, ...held }) as typeof handler,
    args: () => [[{ Body: 'x' }], more],
  },
};

onSqs('the contract', () => {
  let receiving: Promise<void>;
  beforeAll(async () => {
    queue = await newQueue('contract');
    receiving = receiveAll();
  });
  afterAll(async () => {
    over.abort();
    await receiving;
  });

  for (const one of [harness, clients, handlers, batchHandlers]) {
    for (const { name, run } of adapterContract(one)) it(name, run);
  }
});

import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, Field, Outcome } from '@throughline/core/testing';
import { afterAll, describe, it } from 'vitest';
import { QueueClient, startBroker } from '../src/queue.ts';
import type { Handler, Queue, QueueMessage } from '../src/queue.ts';
import { startTelemetry } from '../src/telemetry.ts';
import { traceQueue } from '../src/trace-queue.ts';

const telemetry = startTelemetry();
const broker = await startBroker();
const client = new QueueClient(broker.port);
afterAll(async () => {
  client.close();
  await broker.close();
});

// Each case has a topic of its own, and each message a body of its own.
let count = 0;
const newName = (): string => `name-${count++}`;

/** A record of headers: what comes twice is a list. */
function recordOf(fields: readonly Field[]): QueueMessage['headers'] {
  const headers = new Map<string, string | string[]>();
  for (const [name, value] of fields) {
    const held = headers.get(name);
    headers.set(name, held === undefined ? String(value) : [held, String(value)].flat());
  }
  return Object.fromEntries(headers);
}

const harness: AdapterHarness = {
  name: 'traceQueue',
  transport: 'own-queue',
  carrier: 'message',
  telemetry,
  outbound: {
    // How to send with given headers, and see what is on the wire.
    async open({ options, twice }) {
      const topic = newName();
      const received = new Map<string, QueueMessage['headers']>();
      const told = new Map<string, () => void>();
      await client.subscribe(topic, ({ body, headers }) => {
        received.set(body, headers);
        told.get(body)?.();
      });
      let instead: (() => unknown) | undefined;
      const library: Queue = {
        push: (...args) => (instead === undefined ? client.push(...args) : (instead() as Promise<void>)),
        subscribe: (...args) => client.subscribe(...args),
      };
      const once = traceQueue(library, options);
      const queue = twice ? traceQueue(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          const body = newName();
          const arrived = new Promise<void>((resolve) => told.set(body, resolve));
          const message = deepFreeze({ body, headers: call.fields as QueueMessage['headers'] });
          const outcome = await outcomeOf(() => queue.push(topic, message));
          if (outcome.failed || instead !== undefined) return { outcome, wire: undefined };
          await arrived;
          return { outcome, wire: Object.entries(received.get(body) ?? {}) };
        },
      };
    },
    cannot: { types: 'a header is text' },
  },
  inbound: {
    // How to deliver a carrier to a handler, and see what comes out of the handler.
    async open({ options, twice }) {
      const topic = newName();
      const arrivals = new Map<string, Arrival>();
      const outcomes = new Map<string, (outcome: Outcome | Promise<Outcome>) => void>();
      const library: Queue = {
        push: (...args) => client.push(...args),
        subscribe: (name: string, handler: Handler) =>
          client.subscribe(name, (message) => outcomes.get(message.body)?.(outcomeOf(() => handler(message)))),
      };
      const once = traceQueue(library, options);
      const queue = twice ? traceQueue(once, options) : once;
      await queue.subscribe(topic, ({ body }) => arrivals.get(body)?.handle());
      return {
        async deliver(arrival) {
          const body = newName();
          arrivals.set(body, arrival);
          const outcome = new Promise<Outcome>((resolve) => outcomes.set(body, resolve));
          await client.push(topic, { body, headers: recordOf(arrival.fields) });
          return outcome;
        },
      };
    },
    cannot: {
      types: 'a header is text',
      suppression: 'the handler is called from the connection, which knows nothing of who delivers',
    },
  },
  // The contract makes classes, subclasses and plain objects of it, and wraps each.
  objects: {
    method: 'push',
    library: () => client,
    wrap: (object, options) => traceQueue(object as unknown as Queue, options) as unknown as typeof object,
    use: async (queue, method) => queue[method]?.('objects', { body: 'x' }),
  },
};

describe('the contract', () => {
  for (const { name, run } of adapterContract(harness)) it(name, run);
});

import assert from 'node:assert/strict';
import { headers } from '@nats-io/nats-core';
import type { Msg, MsgHdrs, NatsConnection, SubscriptionOptions } from '@nats-io/nats-core';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient } from '@nats-io/jetstream';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import { afterAll, beforeAll, it } from 'vitest';
import { traceJetStream, traceNats } from '../src/index.ts';
import { onNats, plain, telemetry } from './on-nats.ts';

type Callback = (error: Error | null, message: Msg) => unknown;

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

// What arrives is told by its payload.
let messages = 0;
const newKey = (): string => `message-${messages++}`;
const awaited = new Map<string, (message: Msg) => void>();
const arrived = (key: string): Promise<Msg> => new Promise((resolve) => awaited.set(key, resolve));
const SENT = 'contract.sent';
const ASKED = 'contract.asked';
const STORED = 'contract.stored';

/** A header of NATS is one line, without space at its ends. */
const line = (value: unknown): string => String(value).replace(/[\r\n]/g, '_');

function headersOf(fields: Iterable<readonly [string, unknown]>): MsgHdrs {
  const made = headers();
  for (const [name, value] of fields) for (const one of [value].flat()) made.append(name, line(one));
  return made;
}

const fieldsOf = (held: MsgHdrs | undefined): Field[] =>
  [...(held ?? [])].flatMap(([name, values]) => values.map((value): Field => [name, value]));

const TEXT_ALONE = 'a header of NATS is text';

/** A connection whose `method` does what a case wants in its place. */
function connectionWith(
  method: 'publish' | 'request',
  instead: () => (() => unknown) | undefined,
  called: () => void,
): NatsConnection {
  const own = (...args: unknown[]): unknown => {
    const work = instead();
    if (work !== undefined) return work();
    called();
    return (plain[method] as (...given: unknown[]) => unknown)(...args);
  };
  return { ...methodsOf(plain), [method]: own } as unknown as NatsConnection;
}

function methodsOf(connection: NatsConnection): object {
  return {
    publish: connection.publish.bind(connection),
    request: connection.request.bind(connection),
    subscribe: connection.subscribe.bind(connection),
    info: connection.info,
  };
}

const sending = (name: string, method: 'publish' | 'request', subject: string): AdapterHarness => ({
  name,
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    cannot: { types: TEXT_ALONE },
    open({ options, twice }) {
      let instead: (() => unknown) | undefined;
      let called = false;
      const client = connectionWith(
        method,
        () => instead,
        () => (called = true),
      );
      const once = traceNats(client, options);
      const traced = twice ? traceNats(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          called = false;
          const key = newKey();
          const received = arrived(key);
          const given = call.fields && { headers: headersOf(Object.entries(call.fields)) };
          const before = given && fieldsOf(given.headers);
          // Not frozen: the client itself writes into it.
          const settings = { timeout: 10_000, ...given };
          const outcome = await outcomeOf(() => traced[method](subject, key, settings));
          if (given !== undefined) assert.deepEqual(fieldsOf(given.headers), before, 'the caller keeps its headers');
          return { outcome, wire: called && !outcome.failed ? fieldsOf((await received).headers) : undefined };
        },
      };
    },
  },
});

/** A request that is refused is answered as a service of NATS does. */
const refusedAnswer = (outcome: Outcome): void => {
  const held = (outcome.value as Msg).headers;
  assert.equal(held?.get('Nats-Service-Error-Code') === '504' || held?.get('Nats-Service-Error-Code') === '508', true);
  assert.match(held?.get('Nats-Service-Error') ?? '', /^Refused: /);
};

const callbacks: AdapterHarness = {
  name: 'a callback',
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  inbound: {
    cannot: { types: TEXT_ALONE },
    refused: refusedAnswer,
    open({ options, twice }) {
      const arrivals = new Map<string, Arrival>();
      let callback: Callback | undefined;
      const subscribe = (_subject: string, given?: SubscriptionOptions): object => {
        callback = given?.callback;
        return {};
      };
      const once = traceNats({ ...methodsOf(plain), subscribe } as unknown as NatsConnection, options);
      const traced = twice ? traceNats(once, options) : once;
      traced.subscribe('contract.>', {
        callback: (_error, message) => arrivals.get(message.string())?.handle() as never,
      });
      return {
        async deliver(arrival) {
          const key = newKey();
          arrivals.set(key, arrival);
          const received = arrived(key);
          // In the context of whoever delivers, which is then what is ambient.
          const handled = received.then((message) => outcomeOf(() => callback?.(null, message)));
          const answer = plain.request(SENT, key, { headers: headersOf(arrival.fields), timeout: 60_000, noMux: true });
          const outcome = await handled;
          const refused = await Promise.race([answer, Promise.resolve()]);
          if (refused) return { ...outcome, value: refused };
          (await received).respond();
          const answered = await answer;
          return answered.headers ? { ...outcome, value: answered } : outcome;
        },
      };
    },
  },
};

const loops: AdapterHarness = {
  name: 'a loop',
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  inbound: {
    cannot: {
      types: TEXT_ALONE,
      suppression: 'a loop runs where it was begun, and not where something is delivered',
      failures: 'what fails in the body of a loop is between the body and what is around the loop',
      results: 'the body of a loop returns nothing',
    },
    refused: refusedAnswer,
    open({ options, twice }) {
      const arrivals = new Map<string, { arrival: Arrival; done: (outcome: Outcome) => void }>();
      const once = traceNats(plain, options);
      const traced = twice ? traceNats(once, options) : once;
      const subject = `contract.loop.${newKey()}`;
      const subscription = traced.subscribe(subject);
      void (async () => {
        let over: (() => void) | undefined;
        for await (const message of subscription) {
          const { arrival, done } = arrivals.get(message.string()) as {
            arrival: Arrival;
            done: (outcome: Outcome) => void;
          };
          const outcome = await outcomeOf(arrival.handle);
          over = () => done(outcome);
          // Once the loop has asked for the next.
          setImmediate(over);
        }
      })();
      return {
        async deliver(arrival) {
          const key = newKey();
          const handled = new Promise<Outcome>((done) => void arrivals.set(key, { arrival, done }));
          await plain.flush();
          const answer = plain.request(subject, key, {
            headers: headersOf(arrival.fields),
            timeout: 60_000,
            noMux: true,
          });
          const outcome = await Promise.race([
            handled,
            answer.then((value): Outcome => ({ failed: false, value, atOnce: false })),
          ]);
          return outcome;
        },
        close: () => subscription.unsubscribe(),
      };
    },
  },
};

const publishing: AdapterHarness = {
  name: 'JetStream',
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  outbound: {
    cannot: { types: TEXT_ALONE },
    open({ options, twice }) {
      let instead: (() => unknown) | undefined;
      let called = false;
      const js = jetstream(plain);
      const publish = (...args: Parameters<JetStreamClient['publish']>): unknown => {
        if (instead !== undefined) return instead();
        called = true;
        return js.publish(...args);
      };
      const once = traceJetStream({ publish } as unknown as JetStreamClient, options);
      const traced = twice ? traceJetStream(once, options) : once;
      return {
        async send(call) {
          ({ instead } = call);
          called = false;
          const key = newKey();
          const received = arrived(key);
          const given = call.fields && { headers: headersOf(Object.entries(call.fields)) };
          const outcome = await outcomeOf(() =>
            traced.publish(STORED, key, deepFreeze({ timeout: 10_000, ...(given && { headers: given.headers }) })),
          );
          return { outcome, wire: called && !outcome.failed ? fieldsOf((await received).headers) : undefined };
        },
      };
    },
  },
};

const connections: AdapterHarness = {
  name: 'a connection',
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'publish',
    library: () => methodsOf(plain),
    wrap: (object, options) => traceNats(object as unknown as NatsConnection, options) as unknown as typeof object,
    use: async (object, method) => object[method]?.(SENT, newKey()),
  },
};

const clients: AdapterHarness = {
  name: 'a JetStream client',
  transport: 'nats',
  carrier: 'message',
  telemetry: sdk,
  objects: {
    method: 'publish',
    library: () => {
      const js = jetstream(plain);
      return { publish: js.publish.bind(js) };
    },
    wrap: (object, options) =>
      traceJetStream(object as unknown as JetStreamClient, options) as unknown as typeof object,
    use: async (object, method) => object[method]?.(STORED, newKey()),
  },
};

onNats('the contract', () => {
  const close = { all: (): void => {} };
  beforeAll(async () => {
    const manager = await jetstreamManager(plain);
    await manager.streams.add({ name: 'CONTRACT', subjects: [STORED] });
    const subscription = plain.subscribe('contract.*', {
      callback: (_error, message) => {
        const key = message.string();
        awaited.get(key)?.(message);
        awaited.delete(key);
        if (message.subject === ASKED) message.respond('ok');
      },
    });
    close.all = () => subscription.unsubscribe();
  });
  afterAll(() => close.all());

  for (const one of [
    sending('publish', 'publish', SENT),
    sending('request', 'request', ASKED),
    publishing,
    callbacks,
    loops,
    connections,
    clients,
  ]) {
    for (const { name, run } of adapterContract(one)) it(name, run);
  }
});

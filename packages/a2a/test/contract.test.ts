import assert from 'node:assert/strict';
import { Client } from '@a2a-js/sdk/client';
import { DefaultExecutionEventBus, RequestContext, ServerCallContext } from '@a2a-js/sdk/server';
import type { AgentExecutor } from '@a2a-js/sdk/server';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceA2aClient, traceExecutor } from '../src/index.ts';
import { asking, cardOf, textMessage } from './agent.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const sdkTelemetry: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

interface Sent {
  /** By the text of the message. */
  readonly wires: Map<string, Field[]>;
  instead: (() => unknown) | undefined;
}

const sends = (): Sent => ({ wires: new Map(), instead: undefined });

interface Request {
  readonly message: { readonly parts: readonly { readonly content: { readonly value: string } }[] };
}

/** The SDK's client on a transport that keeps what it is given to send. */
function clientOn(sent: Sent): Client {
  const send = (request: Request, options?: { serviceParameters?: Record<string, string> }): unknown => {
    if (sent.instead !== undefined) return sent.instead();
    const fields = Object.entries(options?.serviceParameters ?? {}).filter(([name]) => name !== 'A2A-Version');
    sent.wires.set(request.message.parts[0]?.content.value ?? '', fields);
    return Promise.resolve(textMessage('done'));
  };
  const transport = {
    protocolName: 'JSONRPC',
    protocolVersion: '1.0',
    endpoint: 'http://researcher.internal/',
    sendMessage: send,
    async *sendMessageStream(request: Request, options: never) {
      yield { payload: { $case: 'message', value: await send(request, options) } };
    },
  };
  return new Client(transport as never, cardOf([]));
}

const textAlone = 'the values of these headers are text';
const always = 'the methods of the SDK give a promise';

function clientHarness(method: 'sendMessage' | 'sendMessageStream'): AdapterHarness {
  return {
    name: `traceA2aClient, ${method}`,
    transport: 'a2a',
    carrier: 'http',
    telemetry: sdkTelemetry,
    outbound: {
      open({ options, twice }) {
        const sent = sends();
        let calls = 0;
        const once = traceA2aClient(clientOn(sent), options);
        const client = twice ? traceA2aClient(once, options) : once;
        return {
          async send(call) {
            const text = String(calls++);
            sent.instead = call.instead;
            const given = call.fields === undefined ? [] : [{ serviceParameters: call.fields }];
            const args = deepFreeze([asking(text), ...given]) as [never, never];
            const outcome = await outcomeOf(async () => {
              if (method === 'sendMessage') return client.sendMessage(...args);
              let last: unknown;
              for await (const item of client.sendMessageStream(...args)) last = item.payload?.value;
              return last;
            });
            return { outcome, wire: sent.wires.get(text) };
          },
        };
      },
      cannot: { types: textAlone, results: always },
    },
  };
}

/** An executor that runs what arrives. */
function executorHarness(carrier: 'http' | 'meta'): AdapterHarness {
  return {
    name: `traceExecutor, ${carrier === 'http' ? 'headers' : 'metadata'}`,
    transport: 'a2a',
    carrier,
    telemetry: sdkTelemetry,
    inbound: {
      open({ options, twice }) {
        let arrived: Arrival | undefined;
        const bare: AgentExecutor = {
          execute: async () => arrived?.handle() as Promise<void>,
          cancelTask: async () => {},
        };
        const once = traceExecutor(bare, options);
        const executor = twice ? traceExecutor(once, options) : once;
        return {
          async deliver(arrival) {
            arrived = arrival;
            const bus = new DefaultExecutionEventBus();
            const published: unknown[] = [];
            bus.on('event', (event) => published.push(event));
            const headers = carrier === 'http' ? joined(arrival.fields) : {};
            const call = new ServerCallContext({ state: new Map([['headers', headers]]) });
            const metadata = carrier === 'meta' ? Object.fromEntries(arrival.fields) : undefined;
            const request = new RequestContext(asking('work', { metadata }), 'task', 'context', call);
            const outcome = await outcomeOf(() => executor.execute(request, bus));
            return published.length === 0 ? outcome : { ...outcome, value: published };
          },
        };
      },
      cannot:
        carrier === 'meta'
          ? { results: always, repeats: 'a JSON object has a name once' }
          : { results: always, types: textAlone },
      refused({ value }: Outcome) {
        const [task, update] = value as { kind: string; data: { status: { state: number } } }[];
        assert.deepEqual([task?.kind, update?.kind], ['task', 'statusUpdate']);
        assert.deepEqual([task?.data.status.state, update?.data.status.state], [4, 4]);
        assert.match(JSON.stringify(update), /Refused: /);
      },
    },
  };
}

// As Node's own `headers` have what comes twice.
function joined(fields: readonly Field[]): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${String(headers[key])}, ${String(value)}`;
  }
  return headers;
}

const objects: AdapterHarness[] = [
  {
    name: 'a client as an object',
    transport: 'a2a',
    carrier: 'http',
    telemetry: sdkTelemetry,
    objects: {
      method: 'sendMessage',
      library: () => clientOn(sends()),
      wrap: (object, options) => traceA2aClient(object as unknown as Client, options) as unknown as typeof object,
      use: async (client, method) => client[method]?.(asking('work')),
    },
  },
  {
    name: 'an executor as an object',
    transport: 'a2a',
    carrier: 'http',
    telemetry: sdkTelemetry,
    objects: {
      method: 'execute',
      library: () => ({ execute: async () => {}, cancelTask: async () => {} }),
      wrap: (object, options) => traceExecutor(object as unknown as AgentExecutor, options) as unknown as typeof object,
      use: async (executor, method) => {
        const call = new ServerCallContext({ state: new Map([['headers', {}]]) });
        const request = new RequestContext(asking('work'), 'task', 'context', call);
        return executor[method]?.(request, new DefaultExecutionEventBus());
      },
    },
  },
];

const harnesses = [
  clientHarness('sendMessage'),
  clientHarness('sendMessageStream'),
  executorHarness('http'),
  executorHarness('meta'),
  ...objects,
];
for (const harness of harnesses) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}

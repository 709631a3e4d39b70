import assert from 'node:assert/strict';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, Field, Opening, Outcome } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceLambda } from '../src/index.ts';
import type { LambdaOptions } from '../src/index.ts';
import { eventOf, lambdaContext } from './events.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

type Handler = (event: unknown, context: unknown) => unknown;

/** With these an answer does not wait for what is exported: it comes out as it is returned. */
const flushless = (options: object): LambdaOptions => ({ ...options, flush: false });

/** A function that is invoked with what `eventWith` makes of the fields that arrive. */
function inbound(eventWith: (fields: readonly Field[]) => unknown) {
  return {
    open({ options, twice }: Opening) {
      const running = new Map<unknown, Arrival>();
      const once = traceLambda<Handler>((event) => running.get(idOf(event))?.handle(), flushless(options));
      const handler = twice ? traceLambda(once, flushless(options)) : once;
      return {
        deliver(given: Arrival): Promise<Outcome> {
          const event = deepFreeze(eventWith(given.fields));
          running.set(idOf(event), given);
          return outcomeOf(() => handler(event, lambdaContext));
        },
      };
    },
  };
}

// Nothing else of an event is looked at: a member of ours says which it is.
let events = 0;
const marked = (event: object): object => ({ ...event, marker: events++ });
const idOf = (event: unknown): unknown => (event as { marker: unknown }).marker;

const lowerCase = (fields: readonly Field[]): Record<string, string> => {
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? String(value) : `${headers[key]},${String(value)}`;
  }
  return headers;
};

const lists = (fields: readonly Field[]): Record<string, string[]> => {
  const headers = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of fields) (headers[name] ??= []).push(String(value));
  return headers;
};

const problem = (outcome: Outcome): void => {
  const { statusCode, body, headers, multiValueHeaders } = outcome.value as {
    statusCode: number;
    body: string;
    headers?: Record<string, string>;
    multiValueHeaders?: Record<string, string[]>;
  };
  const { type } = JSON.parse(body) as { type: string };
  assert.equal(statusCode, type.endsWith(':deadline') ? 504 : 508);
  assert.equal(headers?.['content-type'] ?? multiValueHeaders?.['content-type']?.[0], 'application/problem+json');
};

const base = {
  get telemetry() {
    return { spans: () => telemetry.spans(), reset: () => telemetry.reset(), hops: () => telemetry.hops() };
  },
};

const harnesses: AdapterHarness[] = [
  {
    name: 'API Gateway',
    transport: 'http',
    carrier: 'http',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => {
        const event = eventOf('api-gateway');
        return marked({ ...event, multiValueHeaders: { ...(event['multiValueHeaders'] as object), ...lists(fields) } });
      }),
      refused: problem,
      cannot: { types: 'a header is text' },
    },
    throwing: { route: { route: thrower }, ignore: { ignore: thrower } },
  },
  {
    name: 'an HTTP API, a function URL',
    transport: 'http',
    carrier: 'http',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => {
        const event = eventOf('http-api');
        return marked({ ...event, headers: { ...(event['headers'] as object), ...lowerCase(fields) } });
      }),
      refused: problem,
      cannot: { types: 'a header is text' },
    },
    throwing: { route: { route: thrower }, ignore: { ignore: thrower } },
  },
  {
    name: 'ALB',
    transport: 'http',
    carrier: 'http',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => {
        const event = eventOf('alb');
        return marked({ ...event, multiValueHeaders: { ...(event['multiValueHeaders'] as object), ...lists(fields) } });
      }),
      refused: problem,
      cannot: { types: 'a header is text' },
    },
    throwing: { route: { route: thrower }, ignore: { ignore: thrower } },
  },
  {
    name: 'a record of SQS',
    transport: 'sqs',
    carrier: 'message',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => {
        const { Records: [record] = [] } = eventOf('sqs') as { Records?: object[] };
        return marked({ Records: [{ ...record, messageAttributes: recordAttributes(fields) }] });
      }),
      cannot: { repeats: 'a message has one attribute of a name' },
    },
  },
  {
    name: 'a record of SNS',
    transport: 'sns',
    carrier: 'message',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => {
        const { Records: [record] = [] } = eventOf('sns') as { Records?: { Sns: object }[] };
        const MessageAttributes = snsAttributes(fields);
        return marked({ Records: [{ ...record, Sns: { ...record?.Sns, MessageAttributes } }] });
      }),
      cannot: { repeats: 'a message has one attribute of a name' },
    },
  },
  {
    name: 'an event of EventBridge',
    transport: 'eventbridge',
    carrier: 'message',
    telemetry: base.telemetry,
    inbound: {
      ...inbound((fields) => marked({ ...eventOf('eventbridge'), detail: { order: 7, _trace: texts(fields) } })),
      cannot: { repeats: 'a JSON object has one member of a name', types: 'members are text' },
    },
  },
  {
    name: 'a direct invocation',
    transport: 'lambda',
    carrier: 'message',
    telemetry: base.telemetry,
    inbound: {
      open({ options, twice }: Opening) {
        const running = new Map<unknown, Arrival>();
        const once = traceLambda<Handler>((event) => running.get(idOf(event))?.handle(), flushless(options));
        const handler = twice ? traceLambda(once, flushless(options)) : once;
        return {
          deliver(given: Arrival): Promise<Outcome> {
            const event = marked({ task: 'analyse' });
            running.set(idOf(event), given);
            const custom = texts(given.fields);
            return outcomeOf(() => handler(event, deepFreeze({ ...lambdaContext, clientContext: { custom } })));
          },
        };
      },
      cannot: { repeats: 'a JSON object has one member of a name', types: 'members are text' },
    },
  },
];

function texts(fields: readonly Field[]): Record<string, string> {
  const record = Object.create(null) as Record<string, string>;
  for (const [name, value] of fields) record[name] = String(value);
  return record;
}

function recordAttributes(fields: readonly Field[]): object {
  const attributes = Object.create(null) as Record<string, object>;
  for (const [name, value] of fields) {
    attributes[name] =
      value instanceof Uint8Array
        ? {
            binaryValue: Buffer.from(value).toString('base64'),
            dataType: 'Binary',
            stringListValues: [],
            binaryListValues: [],
          }
        : { stringValue: String(value), dataType: 'String', stringListValues: [], binaryListValues: [] };
  }
  return attributes;
}

function snsAttributes(fields: readonly Field[]): object {
  const attributes = Object.create(null) as Record<string, object>;
  for (const [name, value] of fields) {
    attributes[name] =
      value instanceof Uint8Array
        ? { Type: 'Binary', Value: Buffer.from(value).toString('base64') }
        : { Type: 'String', Value: String(value) };
  }
  return attributes;
}

const functions: AdapterHarness = {
  name: 'a handler',
  transport: 'lambda',
  carrier: 'message',
  telemetry: base.telemetry,
  functions: {
    wrap: (fn, options) => traceLambda(fn as never, options as LambdaOptions) as typeof fn,
    args: () => [{ task: 'analyse' }, lambdaContext],
  },
};

function thrower(): never {
  throw new Error('an option failed');
}

describe.each([...harnesses, functions])('Lambda: $name', (one) => {
  for (const { name, run } of adapterContract(one)) it(name, run);
});

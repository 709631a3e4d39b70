import { trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headersOf, writeAttributes } from '../src/attributes.ts';
import type { MessageAttributes } from '../src/attributes.ts';
import { detailShape } from '../src/detail.ts';
import { eventKind } from '../src/lambda/event.ts';
import { requestOf } from '../src/lambda/request.ts';
import { extractContext, forwardAttributes, traceAws } from '../src/index.ts';
import { fitting, slackOf } from '../src/size.ts';
import { queueName, topicName } from '../src/systems.ts';
import { xrayTraceparent } from '../src/xray.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const fields = fc.record(
  {
    traceparent: fc.string({ minLength: 1 }),
    tracestate: fc.string({ minLength: 1 }),
    baggage: fc.string({ minLength: 1 }),
  },
  { requiredKeys: ['traceparent'] },
);
const written = (given: Record<string, string>) => ({ fields: given, mode: 'write', keepsValid: false }) as const;

describe("X-Ray's header", () => {
  it('is the traceparent of its root and parent, in any order and with anything beside them', () => {
    fc.assert(
      fc.property(hex(8), hex(24), hex(16), fc.integer(), (time, random, parent, seed) => {
        const parts = [`Root=1-${time}-${random}`, `Parent=${parent}`, 'Sampled=1', 'Lineage=a87bd80c:0'];
        const shuffled = parts.toSorted((a, b) => ((a.length * seed) % 7) - ((b.length * seed) % 7));
        expect(xrayTraceparent(shuffled.join(';'))).toBe(`00-${time}${random}-${parent}-01`);
      }),
    );
  });

  it('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.anything(), (header) => void xrayTraceparent(header)));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (header) => void xrayTraceparent(header)));
    expect(xrayTraceparent('Root=1-5759e988-bd862e3fe1be46a994272793')).toBeUndefined();
    expect(
      xrayTraceparent('Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=?'),
    ).toBeUndefined();
  });
});

describe('X-Ray', () => {
  const header = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';

  it('counts where the document of SNS in a body says no other context', () => {
    const Body = JSON.stringify({ Type: 'Notification', Message: 'x' });
    const context = extractContext({ Body, Attributes: { AWSTraceHeader: header } });
    expect(trace.getSpanContext(context)?.spanId).toBe('53995c3f42cd8ad8');
  });

  it('is asked for by the member that every version of the SDK sends', async () => {
    class ReceiveMessageCommand {
      readonly input: object;
      constructor(input: object) {
        this.input = input;
      }
    }
    const client = traceAws({ send: async (command: ReceiveMessageCommand) => command.input });
    const asked = (input: object): Promise<object> => client.send(new ReceiveMessageCommand(input));
    expect(await asked({ QueueUrl: 'q' })).toMatchObject({ AttributeNames: ['AWSTraceHeader'] });
    const MessageSystemAttributeNames = ['SentTimestamp'];
    expect(await asked({ QueueUrl: 'q', MessageSystemAttributeNames })).toMatchObject({
      MessageSystemAttributeNames: ['SentTimestamp', 'AWSTraceHeader'],
    });
  });
});

it('a copy of a traced client is not traced twice', () => {
  const client = traceAws({ send: async (_command: object): Promise<object> => ({}) });
  const copy = { ...client };
  expect(traceAws(copy)).toBe(copy);
});

describe('attributes', () => {
  it('of a record of SNS are sent on as the SDK takes them', () => {
    const MessageAttributes = {
      traceparent: { Type: 'String', Value: 'x' },
      bytes: { Type: 'Binary', Value: 'AQI=' },
    };
    expect(forwardAttributes({ Sns: { MessageAttributes } })).toEqual({
      traceparent: { DataType: 'String', StringValue: 'x' },
      bytes: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2]) },
    });
  });

  it('ten are the most that are written, and what is the user’s stays', () => {
    const own = fc.dictionary(fc.stringMatching(/^[a-z0-9_.-]{1,20}$/), fc.string({ minLength: 1 }), { maxKeys: 12 });
    fc.assert(
      fc.property(own, fields, (mine, ours) => {
        const given = Object.fromEntries(
          Object.entries(mine).map(([name, StringValue]) => [`mine.${name}`, { DataType: 'String', StringValue }]),
        ) as MessageAttributes;
        const result = writeAttributes(given, written(ours), 'a queue');
        for (const name of Object.keys(given)) expect(result[name]).toBe(given[name]);
        const count = Object.keys(given).length;
        expect(Object.keys(result)).toHaveLength(Math.max(count, Math.min(10, count + Object.keys(ours).length)));
        if (count < 10) expect(result['traceparent']?.StringValue).toBe(ours.traceparent);
      }),
    );
  });

  it('those of every form are read, and no value of any kind makes that throw', () => {
    expect({
      ...headersOf({ a: { StringValue: '1' }, b: { stringValue: '2' }, c: { Type: 'String', Value: '3' } }),
    }).toEqual({ a: '1', b: '2', c: '3' });
    fc.assert(fc.property(fc.anything(), (given) => void headersOf(given)));
  });
});

describe('sizes', () => {
  it('what is below a limit without the fields is not past it with them', () => {
    const limit = 2000;
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 900, unit: 'grapheme' }), { minLength: 1, maxLength: 4 }),
        fields,
        (bodies, ours) => {
          const messages = bodies.map((MessageBody) => ({ MessageBody }));
          const bytes = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
          const fit = fitting(ours, slackOf(messages, limit), 'a queue');
          const added = Object.entries(fit).reduce((sum, [name, value]) => sum + name.length + 6 + value.length, 0);
          if (bytes <= limit) expect(bytes + added * messages.length).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

describe('the detail of an event', () => {
  it('is the same JSON with one member more, which is the one that counts', () => {
    const { headers, writer } = detailShape(Infinity, true);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 2), (detail, indent) => {
        const entry = { Detail: JSON.stringify(detail, null, indent), DetailType: 't' };
        const copy = writer(written({ traceparent: 'x' }), 1)(entry, headers(entry) ?? undefined) as typeof entry;
        const result = JSON.parse(copy.Detail) as Record<string, unknown>;
        expect((result['_trace'] as { traceparent: string }).traceparent).toBe('x');
        const { _trace: _theirs, ...rest } = JSON.parse(entry.Detail) as Record<string, unknown>;
        const { _trace: _ours, ...others } = result;
        expect(others).toEqual(rest);
      }),
    );
  });
});

describe('events and names', () => {
  it('no event makes the look at it throw', () => {
    fc.assert(fc.property(fc.anything(), (event) => void eventKind(event)));
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.anything()), (event) => void requestOf(event, 'api-gateway')));
  });

  it('queues and topics are named by their last part, and without the id of an endpoint', () => {
    expect(queueName('https://sqs.us-east-1.amazonaws.com/123456789012/tasks.fifo')).toBe('tasks.fifo');
    expect(queueName('arn:aws:sqs:us-east-1:123456789012:tasks')).toBe('tasks');
    expect(queueName('tasks')).toBe('tasks');
    expect(topicName('arn:aws:sns:us-east-1:123456789012:tasks')).toBe('tasks');
    expect(
      topicName('arn:aws:sns:us-west-2:123456789012:endpoint/GCM/gcmpushapp/5e3e9847-3183-3f18-a7e8-671c3a57d4b3'),
    ).toBe('endpoint/GCM/gcmpushapp');
    expect(topicName(undefined)).toBe('sms');
    fc.assert(fc.property(fc.string(), (name) => void queueName(name)));
  });
});

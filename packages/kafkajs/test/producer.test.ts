import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { isLineageError, withBudget } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { traceProducer } from '../src/index.ts';
import { deepFreeze } from './deep-freeze.ts';
import { fakeProducer } from './fake-producer.ts';
import type { Sent } from './fake-producer.ts';
import { lineageMember } from './lineage-member.ts';

const other = '00-11111111111111111111111111111111-2222222222222222-01';
const another = '00-33333333333333333333333333333333-4444444444444444-01';

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());

/** Runs `fn` in a span of the caller's. */
async function inSpan<T>(fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan('work', async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });
}

function traceparentOf(name: string): string {
  const { traceId, spanId } = telemetry.find(name).spanContext();
  return `00-${traceId}-${spanId}-0`;
}

async function sentWith(record: unknown, options?: Parameters<typeof traceProducer>[1]): Promise<Sent> {
  const { producer, sent } = fakeProducer();
  await inSpan(() => traceProducer(producer, options).send(deepFreeze(record)));
  return sent[0] as Sent;
}

describe('what is sent', () => {
  it('is a copy: record, messages and headers that are frozen stay as they are', async () => {
    const headers = { shared: 'yes' };
    const record = {
      topic: 't',
      acks: 1,
      compression: 2,
      timeout: 3,
      unknown: 'kept',
      messages: [
        { value: 'a', headers, own: 1 },
        { value: 'b', headers },
      ],
    };
    const sent = await sentWith(record);
    expect(sent).toMatchObject({ topic: 't', acks: 1, compression: 2, timeout: 3, unknown: 'kept' });
    expect(sent.messages[0]).toMatchObject({ value: 'a', own: 1, headers: { shared: 'yes' } });
    expect(sent.messages[0]?.headers?.['traceparent']).toMatch(traceparentOf('send t'));
    expect(sent.messages[1]?.headers?.['traceparent']).toMatch(traceparentOf('send t'));
    expect(headers).toEqual({ shared: 'yes' });
  });

  it('keeps arrays, bytes, tombstones and a header called __proto__', async () => {
    const headers = Object.defineProperty({ list: ['a', Buffer.from('b')], bytes: Buffer.from([1]) }, '__proto__', {
      value: 'p',
      enumerable: true,
    });
    const sent = await sentWith({ topic: 't', messages: [{ key: null, value: null, headers }] });
    const [message] = sent.messages;
    expect(message?.value).toBeNull();
    expect(Object.keys(message?.headers ?? {}).toSorted()).toEqual([
      '__proto__',
      'baggage',
      'bytes',
      'list',
      'traceparent',
    ]);
    expect(message?.headers?.['list']).toBe(headers.list);
  });

  it('of a class instance is still one, private members and all', async () => {
    class Order {
      readonly #id = 'o-1';
      get value(): string {
        return this.#id;
      }
      get headers(): object {
        return { kind: 'order' };
      }
    }
    const sent = await sentWith({ topic: 't', messages: [new Order()] });
    expect(sent.messages[0]).toBeInstanceOf(Order);
    expect(sent.messages[0]?.value).toBe('o-1');
    expect(sent.messages[0]?.headers).toMatchObject({ kind: 'order', traceparent: expect.stringMatching(/^00-/) });
  });

  it.each(['traceparent', 'Traceparent', 'TRACEPARENT'])(
    'holds exactly one traceparent where %s was there, and the send span links that',
    async (name) => {
      const sent = await sentWith({
        topic: 't',
        messages: [{ value: 'a', headers: { [name]: Buffer.from(other), TraceState: 'old=1', baggage: 'old=1' } }],
      });
      expect(sent.messages[0]?.headers).toEqual({
        traceparent: expect.stringMatching(traceparentOf('send t')),
        baggage: lineageMember,
      });
      expect(telemetry.find('send t').links.map((link) => link.context.spanId)).toEqual(['2222222222222222']);
    },
  );

  it('stays what an outbox recorded under `existing: keep`, and the send span links it', async () => {
    const messages = [{ value: 'a', headers: { traceparent: other, baggage: 'k=v' } }, { value: 'b' }];
    const sent = await sentWith({ topic: 't', messages }, { existing: 'keep' });
    expect(sent.messages[0]?.headers).toEqual({ traceparent: other, baggage: 'k=v' });
    expect(sent.messages[1]?.headers?.['traceparent']).toMatch(traceparentOf('send t'));
    expect(telemetry.find('send t').links.map((link) => link.context.spanId)).toEqual(['2222222222222222']);
  });

  it('keeps its headers with no active span, and the send span stays in their trace', async () => {
    const { producer, sent } = fakeProducer();
    await traceProducer(producer).send(
      deepFreeze({ topic: 't', messages: [{ value: 'a', headers: { traceparent: other } }] }),
    );
    expect(sent[0]?.messages[0]?.headers).toEqual({ traceparent: other });
    expect(telemetry.find('send t').parentSpanContext?.spanId).toBe('2222222222222222');
  });

  it('keeps its headers with no active span, and the send span links several traces', async () => {
    const { producer, sent } = fakeProducer();
    const messages = [
      { value: 'a', headers: { traceparent: other } },
      { value: 'b', headers: { traceparent: another } },
      { value: 'c' },
    ];
    await traceProducer(producer).send(deepFreeze({ topic: 't', messages }));
    expect(sent[0]?.messages.map((message) => message.headers?.['traceparent'])).toEqual([
      other,
      another,
      expect.stringMatching(traceparentOf('send t')),
    ]);
    expect(telemetry.find('send t').links).toHaveLength(2);
    expect(telemetry.find('send t').parentSpanContext).toBeUndefined();
  });

  it('loses the fields where the outbound policy suppresses, and keeps the span', async () => {
    const headers = { Traceparent: other, baggage: 'k=v', mine: '1' };
    const sent = await sentWith(
      { topic: 't', messages: [{ value: 'a', headers }, { value: 'b' }] },
      { outbound: 'suppress' },
    );
    expect(sent.messages[0]?.headers).toEqual({ mine: '1' });
    expect(telemetry.find('send t').kind).toBe(SpanKind.PRODUCER);
  });

  it('holds the fields as text, and as bytes that all messages share where they are many', async () => {
    const headersOf = async (count: number): Promise<unknown[]> => {
      await telemetry.reset();
      const messages = Array.from({ length: count }, (_, at) => ({ value: String(at), headers: { mine: '1' } }));
      const sent = await sentWith({ topic: 't', messages }, { agent: 'planner' });
      return sent.messages.map((message) => message.headers);
    };
    const text = { mine: '1', baggage: expect.stringMatching('throughline.lineage='), traceparent: expect.any(String) };
    expect(await headersOf(7)).toEqual(Array.from({ length: 7 }, () => text));
    const [first, ...more] = (await headersOf(8)) as { traceparent: Buffer; baggage: Buffer }[];
    expect(first?.traceparent).toBeInstanceOf(Buffer);
    expect(first?.traceparent.toString()).toMatch(traceparentOf('send t'));
    expect(first?.baggage.toString()).toMatch('throughline.lineage=');
    for (const { traceparent, baggage } of more) {
      expect(traceparent).toBe(first?.traceparent);
      expect(baggage).toBe(first?.baggage);
    }
  });

  it('is the very same record under suppressed tracing, with no span', async () => {
    const { producer, sent } = fakeProducer();
    const record = deepFreeze({ topic: 't', messages: [{ value: 'a' }] });
    await context.with(suppressTracing(ROOT_CONTEXT), () => traceProducer(producer).send(record));
    expect(sent[0]).toBe(record);
    expect(telemetry.spans()).toEqual([]);
  });

  it('carries the active context without a span under `spans: false`', async () => {
    const sent = await sentWith({ topic: 't', messages: [{ value: 'a' }] }, { spans: false });
    expect(sent.messages[0]?.headers?.['traceparent']).toMatch(traceparentOf('work'));
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('belongs to the context of the call, read at once', async () => {
    const { producer, sent } = fakeProducer();
    const first = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: '5'.repeat(32),
      spanId: '6'.repeat(16),
      traceFlags: TraceFlags.SAMPLED,
    });
    const pending = context.with(first, () => traceProducer(producer).send({ topic: 't', messages: [{ value: 'a' }] }));
    expect(sent).toHaveLength(1);
    await pending;
    expect(telemetry.find('send t').spanContext().traceId).toBe('5'.repeat(32));
  });

  it('never changes what is given, and holds one of each field, whatever the headers hold', async () => {
    const value = fc.oneof(
      fc.string(),
      fc.uint8Array().map(Buffer.from),
      fc.constant(null),
      fc.constant(undefined),
      fc.integer(),
      fc.array(fc.string()),
    );
    const name = fc.oneof(
      fc.constantFrom('traceparent', 'TraceParent', 'tracestate', 'TRACESTATE', 'baggage', '__proto__'),
      fc.string(),
    );
    const { producer, sent } = fakeProducer();
    const traced = traceProducer(producer);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, value), async (headers) => {
        sent.length = 0;
        await inSpan(() => traced.send(deepFreeze({ topic: 't', messages: [{ value: 'a', headers }] })));
        const out = sent[0]?.messages[0]?.headers ?? {};
        const fields = (record: object): string[] =>
          Object.keys(record).filter((key) => /^(traceparent|tracestate|baggage)$/i.test(key));
        expect(fields(out)).toEqual(['traceparent', 'baggage']);
        for (const key of Object.keys(headers)) if (!fields(headers).includes(key)) expect(out[key]).toBe(headers[key]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('spans of a call', () => {
  it('are one PRODUCER span a topic, whose context is in each message of it', async () => {
    const { producer, sent } = fakeProducer();
    const topicMessages = [
      { topic: 'a', messages: [{ value: '1' }], note: 'kept' },
      { topic: 'b', messages: [{ value: '2' }, { value: '3' }] },
      { topic: 'a', messages: [{ value: '4' }] },
    ];
    await inSpan(() => traceProducer(producer).sendBatch(deepFreeze({ topicMessages, acks: 0 })));
    expect(telemetry.spans().map((span) => [span.name, span.kind])).toEqual([
      ['send a', SpanKind.PRODUCER],
      ['send b', SpanKind.PRODUCER],
      ['work', SpanKind.INTERNAL],
    ]);
    expect(telemetry.find('send a').attributes).toMatchObject({
      'messaging.batch.message_count': 2,
      'messaging.destination.name': 'a',
    });
    expect(sent[0]).toMatchObject({
      acks: 0,
      topicMessages: [{ topic: 'a', note: 'kept' }, { topic: 'b' }, { topic: 'a' }],
    });
    expect(
      sent[0]?.topicMessages.map((entry) => entry.messages.map((message) => message.headers?.['traceparent'])),
    ).toEqual([
      [expect.stringMatching(traceparentOf('send a'))],
      [expect.stringMatching(traceparentOf('send b')), expect.stringMatching(traceparentOf('send b'))],
      [expect.stringMatching(traceparentOf('send a'))],
    ]);
  });

  it('say what the conventions ask of one message', async () => {
    await sentWith({ topic: 't', messages: [{ key: 'k-1', value: null }] }, { clientId: 'billing', agent: 'planner' });
    expect(telemetry.find('send t').attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 't',
      'messaging.client.id': 'billing',
      'messaging.kafka.message.tombstone': true,
      'throughline.agent.name': 'planner',
    });
  });

  it.each([[Buffer.from([0xff, 0xfe])], [Buffer.from('a\u0000b')], ['a\nb'], ['\ud800'], ['k'.repeat(2000)]])(
    'hold no key that is not short printable text: %j',
    async (key) => {
      await sentWith({ topic: 't', messages: [{ key, value: 'a' }] }, { recordKey: true });
      expect(telemetry.find('send t').attributes).not.toHaveProperty('messaging.kafka.message.key');
    },
  );

  it('hold the key of a message on request alone, which may name a person', async () => {
    const messages = [{ key: 'mary@example.com', value: 'a' }];
    const keys = (): unknown[] => telemetry.spans().map((span) => span.attributes['messaging.kafka.message.key']);
    await sentWith({ topic: 't', messages });
    await sentWith({ topic: 't', messages }, { spanPerMessage: true });
    expect(keys()).toEqual(keys().map(() => undefined));
    await telemetry.reset();
    await sentWith({ topic: 't', messages }, { recordKey: true });
    expect(telemetry.find('send t').attributes['messaging.kafka.message.key']).toBe('mary@example.com');
    await sentWith({ topic: 't', messages }, { recordKey: true, spanPerMessage: true });
    expect(telemetry.find('create t').attributes['messaging.kafka.message.key']).toBe('mary@example.com');
    // @ts-expect-error -- a wrong option
    expect(() => traceProducer(fakeProducer().producer, { recordKey: 'yes' })).toThrow(
      '`recordKey` takes true or false',
    );
  });

  it('are a create span a message and a CLIENT span that links them under `spanPerMessage`', async () => {
    const messages = [
      { key: 'a', value: '1' },
      { value: null, headers: { traceparent: other } },
    ];
    const sent = await sentWith({ topic: 't', messages }, { spanPerMessage: true });
    const [first, second, send, work] = telemetry.spans();
    expect([first, second, send, work].map((span) => [span?.name, span?.kind])).toEqual([
      ['create t', SpanKind.PRODUCER],
      ['create t', SpanKind.PRODUCER],
      ['send t', SpanKind.CLIENT],
      ['work', SpanKind.INTERNAL],
    ]);
    const created = [first, second].map((span) => span?.spanContext().spanId);
    expect(send?.links.map((link) => link.context.spanId)).toEqual(created);
    expect(sent.messages.map((message) => String(message.headers?.['traceparent']).split('-')[2])).toEqual(created);
    expect(second?.links.map((link) => link.context.spanId)).toEqual(['2222222222222222']);
    expect(first?.attributes).not.toHaveProperty('messaging.kafka.message.key');
    expect(second?.attributes['messaging.kafka.message.tombstone']).toBe(true);
  });

  it('say where the broker put one message', async () => {
    const { producer } = fakeProducer(() => [{ topicName: 't', partition: 3, baseOffset: '42', errorCode: 0 }]);
    await traceProducer(producer).send({ topic: 't', messages: [{ value: 'a' }] });
    expect(telemetry.find('send t').attributes).toMatchObject({
      'messaging.destination.partition.id': '3',
      'messaging.kafka.offset': 42,
    });
  });

  it('link at most 128 replaced contexts', async () => {
    const messages = Array.from({ length: 200 }, (_, at) => ({
      value: 'a',
      headers: { traceparent: `00-${'7'.repeat(32)}-${String(at + 1).padStart(16, '0')}-01` },
    }));
    await sentWith({ topic: 't', messages });
    expect(telemetry.find('send t').links).toHaveLength(128);
    // Cut off here, not by the SDK's own limit.
    expect(telemetry.find('send t').droppedLinksCount).toBe(0);
  });
});

it('a producer that disconnects leaves no span open of a fake send that never settles', async () => {
  const { producer } = fakeProducer(() => new Promise(() => {}));
  const traced = traceProducer({ ...producer, disconnect: async () => 'gone' });
  void traced.send({ topic: 't', messages: [{ value: 'a' }] });
  expect(telemetry.spans()).toEqual([]);
  expect(await traced.disconnect()).toBe('gone');
  expect(telemetry.find('send t').attributes['error.type']).toBe('abandoned');
});

describe('past the limits of the chain', () => {
  const lineage = { mode: 'enforce' } as const;
  const messages = [{ value: '1' }, { value: '2' }, { value: '3' }];

  it.each([{}, { spanPerMessage: true }])(
    'nothing is sent, all spans end, and the call rejects: %j',
    async (options) => {
      const { producer, sent } = fakeProducer();
      const traced = traceProducer(producer, { ...options, lineage });
      const error: unknown = await inSpan(() =>
        withBudget(2, () => traced.send(deepFreeze({ topic: 't', messages }))),
      ).catch((caught: unknown) => caught);
      expect(isLineageError(error)).toBe(true);
      expect(sent).toEqual([]);
      const names = telemetry.spans().map((span) => span.name);
      expect(names).toEqual(
        'spanPerMessage' in options ? ['create t', 'create t', 'create t', 'work'] : ['send t', 'work'],
      );
      expect(telemetry.spans().at(-2)?.attributes['error.type']).toBe('throughline.budget');
    },
  );

  it('messages draw on the budget of their chain once, with a span of their own too', async () => {
    for (const options of [{}, { spanPerMessage: true }]) {
      const { producer, sent } = fakeProducer();
      const traced = traceProducer(producer, { ...options, lineage });
      await inSpan(() => withBudget(3, () => traced.send(deepFreeze({ topic: 't', messages }))));
      expect(sent).toHaveLength(1);
    }
  });

  it('one topic of a batch that is refused holds back the others', async () => {
    const { producer, sent } = fakeProducer();
    const topicMessages = [
      { topic: 'a', messages: [{ value: '1' }] },
      { topic: 'b', messages },
    ];
    const error: unknown = await inSpan(() =>
      withBudget(2, () => traceProducer(producer, { lineage }).sendBatch(deepFreeze({ topicMessages }))),
    ).catch((caught: unknown) => caught);
    expect(isLineageError(error)).toBe(true);
    expect(sent).toEqual([]);
    expect(telemetry.spans().map((span) => [span.name, span.attributes['error.type']])).toEqual([
      ['send a', 'throughline.budget'],
      ['send b', 'throughline.budget'],
      ['work', undefined],
    ]);
  });

  it('`reply` reaches the hop and not the client', async () => {
    const { producer, sent } = fakeProducer();
    await traceProducer(producer).send({ topic: 't', messages, reply: true } as never);
    await traceProducer(producer).sendBatch({ topicMessages: [{ topic: 't', messages }], reply: true } as never);
    for (const one of sent) expect(one).not.toHaveProperty('reply');
  });
});

describe('what is malformed', () => {
  it.each([
    ['no record', undefined],
    ['null', null],
    ['no topic', { messages: [{ value: 'a' }] }],
    ['no messages', { topic: 't' }],
    ['messages: null', { topic: 't', messages: null }],
    ['messages that are no array', { topic: 't', messages: 'abc' }],
    [
      'a getter that throws',
      {
        topic: 't',
        get messages() {
          throw new Error('mine');
        },
      },
    ],
  ])('goes to the client as it is: %s', async (_, record) => {
    const { producer, sent } = fakeProducer();
    const traced = traceProducer(producer);
    await traced.send(record);
    expect(sent[0]).toBe(record);
    await traced.sendBatch({ topicMessages: [record] });
    expect(sent[1]?.topicMessages[0]).toBe(record);
    expect(telemetry.spans()).toEqual([]);
  });

  it('inside a list goes to the client beside what is well-formed', async () => {
    const sent = await sentWith({
      topic: 't',
      messages: [null, 7, { value: 'a', headers: null }, { value: 'b', headers: 'text' }, { value: 'c' }],
    });
    expect(sent.messages.slice(0, 4)).toEqual([
      null,
      7,
      { value: 'a', headers: null },
      { value: 'b', headers: 'text' },
    ]);
    expect(sent.messages[4]?.headers).toHaveProperty('traceparent');
  });

  it('ends the span as failed, and comes out as the very same object', async () => {
    const error = Object.assign(new Error('unknown topic'), {
      name: 'KafkaJSProtocolError',
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
      code: 3,
    });
    const { producer } = fakeProducer(() => {
      throw error;
    });
    await expect(traceProducer(producer).send({ topic: 't', messages: [{ value: 'a' }] })).rejects.toBe(error);
    const span = telemetry.find('send t');
    expect(span.attributes['error.type']).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('is said at construction where an option cannot be meant', () => {
    const { producer } = fakeProducer();
    expect(() => traceProducer(producer, { spanPerMessage: 'yes' as never })).toThrow(
      '`spanPerMessage` takes true or false',
    );
    expect(() => traceProducer(producer, { suppressInner: 1 as never })).toThrow('`suppressInner` takes true or false');
    expect(() => traceProducer(producer, { existing: 'drop' as never })).toThrow('existing');
    expect(() => traceProducer({} as never)).toThrow('kafka.producer()');
  });
});

describe('the wrapper', () => {
  it('leaves the producer that it was given as it is', () => {
    const { producer } = fakeProducer();
    const before = { ...producer };
    traceProducer(Object.freeze(producer));
    expect({ ...producer }).toEqual(before);
  });

  it('is one wrap when applied twice, also to a copy of it', async () => {
    const { producer, sent } = fakeProducer();
    const traced = traceProducer(producer);
    expect(traceProducer(traced)).toBe(traced);
    await traceProducer({ ...traced }).send({ topic: 't', messages: [{ value: 'a' }] });
    expect(telemetry.spans()).toHaveLength(1);
    expect(Object.keys(sent[0]?.messages[0]?.headers ?? {})).toEqual(['traceparent']);
  });

  it('of a fake client with private members (Confluent has them) calls its methods on itself', async () => {
    class Client {
      readonly #sent: Sent[] = [];
      open = false;
      async connect(): Promise<void> {
        this.#sent.length = 0;
        this.open = true;
      }
      async send(record: Sent): Promise<Sent[]> {
        this.#sent.push(record);
        return this.#sent;
      }
      async sendBatch(): Promise<void> {}
      async transaction(): Promise<this> {
        return this;
      }
    }
    const client = new Client();
    const traced = traceProducer(client);
    expect(traced).toBeInstanceOf(Client);
    expect(traced.constructor).toBe(Client);
    expect(traced.connect).toBe(traced.connect);
    await traced.connect();
    expect(client.open).toBe(true);
    const [sent] = await (await traced.transaction()).send({ topic: 't', messages: [{ value: 'a' }] } as never);
    expect(sent?.messages[0]?.headers).toHaveProperty('traceparent');
    expect(traceProducer(traced)).toBe(traced);
    expect(telemetry.spans()).toHaveLength(1);
  });
});

import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { traceConsumer, tracedEachBatch, tracedEachMessage } from '../src/index.ts';
import type { MessageLike, TracedEachBatchPayload } from '../src/index.ts';
import { deepFreeze } from './deep-freeze.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;
const HOUR = 3_600_000;

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());

const bytes = (headers: Record<string, string>): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, Buffer.from(value)]));

const received = (headers: object | undefined, more: Partial<MessageLike> = {}): MessageLike =>
  deepFreeze({ key: null, value: Buffer.from('v'), offset: '7', timestamp: String(Date.now()), headers, ...more });

const payload = (message: MessageLike): { topic: string; partition: number; message: MessageLike } =>
  deepFreeze({ topic: 't', partition: 2, message });

const contextOf = (n: number): string =>
  `00-${'a'.repeat(31)}${n.toString(16).at(-1)}-${String(n + 1).padStart(16, '0')}-01`;

describe('eachMessage', () => {
  it('runs in a CONSUMER span, child of the span that sent the message and linked to it, with its baggage', async () => {
    let seen: unknown[] = [];
    const given = payload(
      received(bytes({ traceparent, baggage: 'tenant=a' }), {
        key: Buffer.from('k'),
        timestamp: String(Date.now() - 1500),
      }),
    );
    await tracedEachMessage(
      async (taken: typeof given) => {
        await Promise.resolve();
        seen = [
          taken,
          trace.getActiveSpan()?.spanContext().traceId,
          propagation.getActiveBaggage()?.getEntry('tenant')?.value,
        ];
      },
      { groupId: 'g', clientId: 'c' },
    )(given);
    expect(seen[0]).toBe(given);
    expect(seen.slice(1)).toEqual([traceId, 'a']);
    const span = telemetry.find('process t');
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(span.parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true });
    expect(span.links.map((link) => link.context.spanId)).toEqual([spanId]);
    expect(span.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 't',
      'messaging.destination.partition.id': '2',
      'messaging.consumer.group.name': 'g',
      'messaging.client.id': 'c',
      'messaging.kafka.offset': 7,
      'throughline.calls': 0,
      'throughline.queue.duration': expect.closeTo(1.5, 0),
    });
  });

  it('never takes the context that is active around the consumer', async () => {
    await trace.getTracer('test').startActiveSpan('boot', async (span) => {
      await tracedEachMessage(async () => {})(payload(received(undefined)));
      span.end();
    });
    expect(telemetry.find('process t').parentSpanContext).toBeUndefined();
    expect(telemetry.find('process t').links).toEqual([]);
  });

  it('says the key of the message on request alone, which may name a person', async () => {
    const keyed = payload(received(undefined, { key: Buffer.from('mary@example.com') }));
    await tracedEachMessage(async () => {})(keyed);
    await tracedEachMessage(async () => {}, { recordKey: true })(keyed);
    const keys = telemetry.spans().map((span) => span.attributes['messaging.kafka.message.key']);
    expect(keys).toEqual([undefined, 'mary@example.com']);
    // @ts-expect-error -- a wrong option
    expect(() => tracedEachMessage(async () => {}, { recordKey: 1 })).toThrow('`recordKey` takes true or false');
  });

  it('says that a tombstone is one', async () => {
    await tracedEachMessage(async () => {})(payload(received(undefined, { value: null })));
    expect(telemetry.find('process t').attributes['messaging.kafka.message.tombstone']).toBe(true);
  });

  it.each([new TypeError('x'), new Error('y'), 'text', undefined])(
    'rejects with the very object that the handler threw: %s',
    async (error) => {
      const handlers = [
        async () => {
          throw error;
        },
        () => {
          throw error;
        },
      ];
      for (const handler of handlers) {
        await telemetry.reset();
        const caught = await (async () => tracedEachMessage(handler)(payload(received(undefined))))().then(
          () => 'nothing',
          (thrown: unknown) => thrown,
        );
        expect(caught).toBe(error);
        if (error instanceof Error) {
          expect(telemetry.find('process t').status.code).toBe(SpanStatusCode.ERROR);
          expect(telemetry.find('process t').attributes['error.type']).toBe(error.name);
        } else expect(telemetry.spans()).toHaveLength(1);
      }
    },
  );

  it.each([
    ['older', HOUR + 1000, 'restarted'],
    ['younger', HOUR - 1000, 'continued'],
    ['of the future', -HOUR, 'continued'],
    ['past ten years', 11 * 365.25 * 24 * HOUR, 'continued'],
  ])('a message that is %s: %i ms against `maxParentAge` is %s', async (_, age, becomes) => {
    const message = received(bytes({ traceparent }), { timestamp: String(Date.now() - age) });
    await tracedEachMessage(async () => {}, { maxParentAge: HOUR })(payload(message));
    const span = telemetry.find('process t');
    expect(span.spanContext().traceId === traceId).toBe(becomes === 'continued');
    expect(span.parentSpanContext?.spanId).toBe(becomes === 'continued' ? spanId : undefined);
    expect(span.links.map((link) => link.context.spanId)).toEqual([spanId]);
    expect(await telemetry.hops()).toEqual({ [`kafka inbound ${becomes}`]: 1 });
  });

  it.each(['1000', '', 'soon', undefined, '-5'])('says no time in the queue by the timestamp %j', async (timestamp) => {
    await tracedEachMessage(async () => {})(payload(received(undefined, { timestamp })));
    expect(telemetry.find('process t').attributes).not.toHaveProperty('throughline.queue.duration');
  });

  it('asks the inbound policy by topic', async () => {
    const inbound = (peer: { name?: string | undefined }): 'restart' | 'continue' =>
      peer.name === 't' ? 'restart' : 'continue';
    await tracedEachMessage(async () => {}, { inbound })(payload(received(bytes({ traceparent }))));
    expect(telemetry.find('process t').spanContext().traceId).not.toBe(traceId);
    expect(telemetry.find('process t').links).toEqual([]);
  });

  it('runs the handler once and never throws of its own, whatever arrives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.anything(), async (headers, strange) => {
        let calls = 0;
        const handler = tracedEachMessage(async () => void calls++);
        await handler({
          topic: 't',
          partition: 0,
          message: { headers, key: strange, value: strange, offset: strange, timestamp: strange } as never,
        });
        await handler(strange as never);
        expect(calls).toBe(2);
      }),
      { numRuns: 200 },
    );
  });
});

describe('eachBatch', () => {
  const batchOf = (
    messages: MessageLike[],
  ): { batch: { topic: string; partition: number; messages: MessageLike[] }; note: string } =>
    deepFreeze({ batch: { topic: 't', partition: 0, messages }, note: 'kept' });

  it('runs in one root span that links each distinct sender once', async () => {
    const messages = [0, 0, 1, 0, 2, 1].map((n) => received(bytes({ traceparent: contextOf(n) })));
    let given: unknown;
    const batch = batchOf(messages);
    await tracedEachBatch(async (taken: typeof batch) => void (given = taken))(batch);
    const [span, ...more] = telemetry.spans();
    expect(more).toEqual([]);
    expect(span?.name).toBe('process t');
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.links.map((link) => Number(link.context.spanId))).toEqual([1, 2, 3]);
    expect(span?.attributes).toMatchObject({
      'messaging.batch.message_count': 6,
      'messaging.destination.partition.id': '0',
    });
    expect(given).toMatchObject({ note: 'kept', batch: batch.batch });
  });

  it('links at most 128 senders', async () => {
    const messages = Array.from({ length: 300 }, (_, n) => received(bytes({ traceparent: contextOf(n) })));
    await tracedEachBatch(async () => {})(batchOf(messages));
    expect(telemetry.find('process t').links).toHaveLength(128);
    // Cut off here, not by the SDK's own limit.
    expect(telemetry.find('process t').droppedLinksCount).toBe(0);
  });

  it('links a sender whose header is in another letter case, repeated or text', async () => {
    const messages = [
      received({ Traceparent: Buffer.from(contextOf(1)) }),
      received({ traceparent: Buffer.from(contextOf(1)), TRACEPARENT: Buffer.from(contextOf(2)) }),
      received({ traceparent: [Buffer.from('x'), Buffer.from(contextOf(3))] }),
      received({ traceparent: contextOf(4) }),
      received({ traceparent: Buffer.from('broken') }),
      received(undefined),
    ];
    await tracedEachBatch(async () => {})(batchOf(messages));
    expect(telemetry.find('process t').links.map((link) => Number(link.context.spanId))).toEqual([2, 3, 4, 5]);
  });

  it('links senders that another propagator wrote', async () => {
    const propagator: TextMapPropagator = {
      inject: () => {},
      extract: (onto, carrier, getter) => {
        const [trace_, span] = String(getter.get(carrier, 'own')).split('-');
        if (trace_ === undefined || span === undefined) return onto;
        return trace.setSpanContext(onto, { traceId: trace_, spanId: span, traceFlags: 1, isRemote: true });
      },
      fields: () => ['own'],
    };
    const messages = [spanId, spanId, '1'.repeat(16)].map((id) => received(bytes({ own: `${traceId}-${id}` })));
    await tracedEachBatch(async () => {}, { propagator })(batchOf(messages));
    expect(telemetry.find('process t').links.map((link) => link.context.spanId)).toEqual([spanId, '1'.repeat(16)]);
  });

  it('does not link under a policy that restarts', async () => {
    await tracedEachBatch(async () => {}, { inbound: 'restart' })(batchOf([received(bytes({ traceparent }))]));
    expect(telemetry.find('process t').links).toEqual([]);
  });

  it("runWith runs in the message's own trace and baggage, in parallel", async () => {
    const messages = Array.from({ length: 20 }, (_, n) =>
      received(bytes({ traceparent: contextOf(n), baggage: `n=${n}` })),
    );
    const seen = new Map<MessageLike, unknown>();
    await tracedEachBatch(async ({ batch, runWith }: TracedEachBatchPayload<ReturnType<typeof batchOf>>) => {
      const results = await Promise.all(
        batch.messages.map((message, n) =>
          runWith(message, async () => {
            await new Promise((resolve) => setImmediate(resolve));
            trace.getTracer('test').startSpan(`work ${n}`).end();
            seen.set(message, propagation.getActiveBaggage()?.getEntry('n')?.value);
            return n;
          }),
        ),
      );
      expect(results).toEqual(batch.messages.map((_, n) => n));
      expect(trace.getActiveSpan()?.spanContext().spanId).toBeDefined();
    })(batchOf(messages));
    messages.forEach((message, n) => {
      expect(seen.get(message)).toBe(String(n));
      expect(telemetry.find(`work ${n}`).parentSpanContext?.spanId).toBe(contextOf(n).split('-')[2]);
    });
    expect(telemetry.find('process t').attributes['throughline.calls']).toBe(0);
  });

  it.each([
    ['has no context', undefined, {}],
    ['is older than `maxParentAge`', bytes({ traceparent, baggage: 'k=v' }), { maxParentAge: HOUR }],
    ['the policy restarts', bytes({ traceparent, baggage: 'k=v' }), { inbound: 'restart-with-link' as const }],
  ])('runWith runs a message under the batch span where it %s', async (_, headers, options) => {
    const message = received(headers, { timestamp: String(Date.now() - 2 * HOUR) });
    await tracedEachBatch(async ({ batch, runWith }: TracedEachBatchPayload<ReturnType<typeof batchOf>>) => {
      for (const one of batch.messages) runWith(one, () => trace.getTracer('test').startSpan('work').end());
    }, options)(batchOf([message]));
    const batch = telemetry.find('process t');
    expect(telemetry.find('work').parentSpanContext?.spanId).toBe(batch.spanContext().spanId);
    expect(batch.links).toHaveLength(headers === undefined ? 0 : 1);
  });

  it('runWith gives back what the function throws, as the same object', async () => {
    const error = new RangeError('mine');
    const handler = tracedEachBatch(async ({ batch, runWith }: TracedEachBatchPayload<ReturnType<typeof batchOf>>) => {
      runWith(batch.messages[0] as MessageLike, () => {
        throw error;
      });
    });
    await expect(handler(batchOf([received(undefined)]))).rejects.toBe(error);
    expect(telemetry.find('process t').attributes['error.type']).toBe('RangeError');
  });

  it('runs the handler once and never throws of its own, whatever arrives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.anything()), fc.anything(), async (messages, strange) => {
        let calls = 0;
        const handler = tracedEachBatch(async ({ runWith }) => {
          calls++;
          runWith(strange as never, () => calls++);
        });
        await handler({ batch: { topic: 't', partition: 0, messages } } as never);
        await handler({ batch: strange } as never);
        expect(calls).toBe(4);
      }),
      { numRuns: 200 },
    );
  });
});

it('a handler that is wrapped twice is one wrap', async () => {
  const once = tracedEachMessage(async () => {});
  expect(tracedEachMessage(once)).toBe(once);
  const batch = tracedEachBatch(async () => {});
  expect(tracedEachBatch(batch)).toBe(batch);
});

it('a wrong `maxParentAge` is told at construction', () => {
  expect(() => tracedEachMessage(async () => {}, { maxParentAge: '1h' as never })).toThrow(
    '`maxParentAge` takes milliseconds',
  );
});

it('suppressed tracing opens no span', async () => {
  const { suppressTracing } = await import('@opentelemetry/core');
  await context.with(suppressTracing(context.active()), () =>
    tracedEachMessage(async () => {})(payload(received(bytes({ traceparent })))),
  );
  expect(telemetry.spans()).toEqual([]);
});

it('a fake consumer whose `events` and `on` throw, as those of Confluent do, is wrapped all the same', async () => {
  class Client {
    #handler: ((payload: unknown) => Promise<void>) | undefined;
    get events(): never {
      throw new Error('Not implemented');
    }
    on(): never {
      throw new Error('Not implemented');
    }
    async run(config?: { eachMessage?: (payload: unknown) => Promise<void> }): Promise<void> {
      this.#handler = config?.eachMessage;
    }
    async deliver(delivery: unknown): Promise<void> {
      await this.#handler?.(delivery);
    }
  }
  const consumer = traceConsumer(new Client());
  await consumer.run({ eachMessage: async () => {} });
  await consumer.deliver(payload(received(bytes({ traceparent }))));
  expect(telemetry.find('process t').parentSpanContext?.spanId).toBe(spanId);
});

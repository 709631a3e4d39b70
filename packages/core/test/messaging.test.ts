import { createNoopMeter, SpanKind } from '@opentelemetry/api';
import type { MeterProvider } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { messageHeaders, writeRecord } from '../src/adapter.ts';
import { isLineageError, withBudget } from '../src/index.ts';
import { kafka, messageHandler, receiverSettings, refusalOf } from '../src/messaging/index.ts';
import { sendAll, senderSettings, settle, startTopic } from '../src/messaging/index.ts';
import type { KafkaMessage, MessageShape, SenderOptions } from '../src/messaging/index.ts';
import { offsetNumber } from '../src/messaging/kafka.ts';
import { Links } from '../src/hop/links.ts';
import { messageAge } from '../src/messaging/message.ts';
import { messagingMetrics } from '../src/messaging/metrics.ts';
import { OpenHops } from '../src/hop/open-hops.ts';

const scope = { name: 'test', version: '1' };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const shape: MessageShape = {
  reader: messageHeaders,
  headers: (message) => (message as { headers?: object }).headers,
  holdsFields: (headers) => Object.keys(headers).some((key) => key.toLowerCase() === 'traceparent'),
  writer: (fields) => (message, headers) => ({
    ...message,
    headers: writeRecord(headers as Record<string, unknown>, fields),
  }),
};

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());
afterEach(() => vi.useRealTimers());

const kind = { scope, system: kafka, errorType: () => undefined };
const sender = (options: SenderOptions = {}): ReturnType<typeof senderSettings> =>
  senderSettings(options, { ...kind, shape, places: () => [], suppresses: () => true });

describe('a message client', () => {
  it('sends in a span a topic, handles in a child of it, and tells what the conventions ask', async () => {
    const outgoing = startTopic('t', [[{ key: 'k', value: 'v' }]], sender({ clientId: 'c' }));
    const sent = await sendAll([outgoing], async () => outgoing.lists, true);
    const [[message]] = sent as [[KafkaMessage & { headers: Record<string, string> }]];
    const messageOf = (given: KafkaMessage): object => ({ ...given, offset: 7n });
    const receiver = receiverSettings<typeof message>(
      { groupId: 'g' },
      { ...kind, messageOf: (given) => ({ topic: 't', partition: 2, ...given, message: messageOf(given) }) },
    );
    expect(await messageHandler(async (given: typeof message) => given, receiver)(message)).toBe(message);
    const [send, processed] = [telemetry.find('send t'), telemetry.find('process t')];
    expect([send.kind, processed.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    expect(processed.links.map((link) => link.context.spanId)).toEqual([send.spanContext().spanId]);
    expect(processed.spanContext().traceId).toBe(send.spanContext().traceId);
    expect(processed.attributes).toMatchObject({ 'messaging.kafka.offset': 7, 'messaging.consumer.group.name': 'g' });
  });

  it('is refused as a whole, and settling takes no part of the budget', async () => {
    const enforced = sender({ lineage: { mode: 'enforce' } });
    await withBudget(1, async () => {
      await settle('t', 'g', enforced, async () => {}, true);
      const fits = startTopic('t', [[{ value: 'v' }]], enforced);
      expect(refusalOf([fits])).toBeUndefined();
      fits.end();
      const more = startTopic('t', [[{ value: 'v' }]], enforced);
      const error: unknown = await Promise.resolve(sendAll([more], async () => {}, true)).catch(
        (caught: unknown) => caught,
      );
      expect(isLineageError(error)).toBe(true);
    });
    expect(telemetry.spans().map((span) => span.attributes['error.type'])).toEqual([
      undefined,
      undefined,
      'throughline.budget',
    ]);
  });

  it('that disconnects abandons what is open: at once, or when it waits for longer than 5 s', async () => {
    const ended: unknown[] = [];
    const hop = { end: (outcome?: unknown) => void ended.push(outcome) };
    const open = new OpenHops();
    open.add(hop);
    expect(open.until('not a promise')).toBe('not a promise');
    open.add(hop);
    await open.until(Promise.reject(new Error('mine'))).catch(() => {});
    vi.useFakeTimers();
    open.add(hop);
    void open.until(new Promise(() => {}));
    vi.advanceTimersByTime(4999);
    expect(ended).toHaveLength(2);
    vi.advanceTimersByTime(1);
    const abandoned = { errorType: 'abandoned' };
    expect(ended).toEqual([abandoned, abandoned, abandoned]);
    expect(open.size).toBe(0);
  });

  it('abandons what has not ended, in whatever order the rest did', () => {
    const ended: string[] = [];
    const open = new OpenHops();
    const hop = (name: string): { end(): void } => ({ end: () => void ended.push(name) });
    const [a, b, c, d, e] = [hop('a'), hop('b'), hop('c'), hop('d'), hop('e')];
    for (const one of [a, b, c, d]) open.add(one);
    for (const one of [b, b, d, a]) open.delete(one);
    expect(open.size).toBe(1);
    open.add(e);
    open.abandon();
    for (const one of [c, a]) open.delete(one);
    expect(ended).toEqual(['c', 'e']);
    expect(open.size).toBe(0);
  });
});

describe('metrics', () => {
  it('are not there where nobody measures, and a provider that throws is nobody', () => {
    const noop = { getMeter: () => createNoopMeter() } as MeterProvider;
    expect(messagingMetrics(noop, scope, kafka)()).toBeUndefined();
    const failing: MeterProvider = {
      getMeter() {
        throw new TypeError('a meter provider of the application');
      },
    };
    expect(messagingMetrics(failing, scope, kafka)()).toBeUndefined();
    expect(messagingMetrics(undefined, scope, kafka)()).toBeDefined();
  });
});

describe('what a message says', () => {
  it('age: by timestamps of the last ten years', () => {
    const now = Date.now();
    expect([now - 5, String(now - 5), BigInt(now - 5)].map((timestamp) => messageAge(timestamp, now))).toEqual([
      5, 5, 5,
    ]);
    expect([1000, now + 1, 'soon', undefined, {}].map((timestamp) => messageAge(timestamp, now))).toEqual(
      Array(5).fill(undefined),
    );
  });

  it('offsets that a number holds', () => {
    expect(['7', 7n, '', '-1', 2n ** 60n, 7, null].map(offsetNumber)).toEqual([
      7,
      7,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('links: each creation context once, at most 128', () => {
    const links = new Links();
    const context = (n: number) => ({
      traceId: traceparent.slice(3, 35),
      spanId: String(n + 1).padStart(16, '0'),
      traceFlags: 1,
    });
    for (let n = 0; n < 300; n++) for (const again of [n, n]) links.add(context(again));
    links.add({ ...context(0), spanId: '0'.repeat(16) });
    expect(links.list).toHaveLength(128);
    expect(new Set(links.list.map((link) => link.context.spanId)).size).toBe(128);
  });
});

import { context, propagation, SpanKind } from '@opentelemetry/api';
import { currentLineage, withBudget, withDeadline } from '@throughline/core';
import type { HopOptions, LineageEvent } from '@throughline/core';
import { hopSettings, messageHeaders, receive, startOutbound } from '@throughline/core/adapter';
import type { InboundHop, OutboundHop, Sending } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseLineage } from '../src/lineage/codec.ts';
import { kafka, messageHandler, receiverSettings, sendAll, senderSettings, settle } from '../src/messaging/index.ts';
import { startTopic } from '../src/messaging/index.ts';
import { holdsFields, writeRecord } from '../src/adapter.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const scope = { name: '@throughline/test', version: '1.0.0' };
const settings = (options?: HopOptions) => hopSettings(options, scope);
type Fields = Readonly<Record<string, string>>;

const arriving = (carrier: unknown): InboundHop => ({
  transport: 'test',
  name: 'receive',
  kind: SpanKind.CONSUMER,
  carrier,
  reader: messageHeaders,
});
const leaving = (more: Partial<OutboundHop> = {}): OutboundHop => ({
  transport: 'test',
  name: 'send',
  kind: SpanKind.PRODUCER,
  target: { transport: 'test', channel: 'broker' },
  ...more,
});
const memberOf = (fields: Fields) => parseLineage(/throughline\.lineage=([^,]*)/.exec(fields['baggage'] ?? '')?.[1]);
const fieldsOf = (move: Partial<OutboundHop>, options?: HopOptions): Fields => {
  const sending = startOutbound(leaving(move), settings(options)) as Sending;
  sending.end();
  return sending.fields;
};

describe('a hop that asks for no work', () => {
  const deep = { baggage: 'throughline.lineage=1.32.32.1.-.-.-' };
  const enforce: HopOptions = { lineage: { mode: 'enforce', maxCalls: 1 } };
  const producer = () =>
    senderSettings(enforce, {
      scope,
      system: kafka,
      errorType: () => undefined,
      shape: { reader: messageHeaders, headers: () => undefined, holdsFields, writer: () => (message) => message },
      places: () => [],
      suppresses: () => false,
    });
  const commit = (): unknown => settle('tasks', 'workers', producer(), () => 'committed', false);

  it('is past no limit: hops, calls, a deadline, a budget', async () => {
    expect(receive(arriving(deep), commit)).toBe('committed');
    expect(
      receive(arriving({}), () => {
        fieldsOf({});
        fieldsOf({});
        return commit();
      }),
    ).toBe('committed');
    expect(withBudget(0, commit)).toBe('committed');
    const passed = withDeadline(0, () => context.active());
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(context.with(passed, commit)).toBe('committed');
    expect(context.with(passed, () => startOutbound(leaving(), settings(enforce)).refused)).toBe('deadline');
  });

  it('keeps the budget that it has, and takes no part of it', () => {
    withBudget(5, () => {
      expect(memberOf(fieldsOf({ messages: 0, span: false }))?.budget).toBe(5);
      expect(memberOf(fieldsOf({ messages: 0, span: false }))?.budget).toBe(5);
      expect(currentLineage()?.budget).toBe(5);
    });
  });
});

describe('a lineage member that is too long', () => {
  const long = `1.3.32.1.-.-.${'a~'.repeat(1500)}a`;

  it.each([{}, { lineage: false }] as const)('does not exist, and the user’s baggage goes on: %o', (options) => {
    receive(
      arriving({ baggage: `throughline.lineage=${long},tenant=42` }),
      () => {
        const { baggage } = fieldsOf({}, options);
        expect(baggage).toContain('tenant=42');
        expect(baggage?.length).toBeLessThan(200);
        expect(propagation.getActiveBaggage()?.getAllEntries()).toEqual([['tenant', { value: '42' }]]);
      },
      settings(options),
    );
  });
});

describe('a cycle', () => {
  const events: LineageEvent[] = [];
  const agent = (name: string): HopOptions => ({ agent: name, lineage: { onLineage: (event) => events.push(event) } });
  afterEach(() => void events.splice(0));

  /** Hands fields from agent to agent; each step says how it moves. */
  const pass = (steps: readonly [name: string, move?: Partial<OutboundHop>][]): number => {
    let fields: Fields = {};
    for (const [name, move = {}] of steps) {
      receive(arriving(fields), () => (fields = fieldsOf(move, agent(name))), settings(agent(name)));
    }
    return memberOf(fields)?.hops ?? 0;
  };
  const cycles = () => events.filter(({ reason }) => reason === 'cycle').length;

  it('is new work that comes back to an agent that had it before', () => {
    expect(pass([['A'], ['B'], ['A']])).toBe(3);
    expect(cycles()).toBe(1);
  });

  it('is no reply: what asked gets on where it was, as deep as it was', () => {
    // A asks B, B answers; A asks C, C answers; A asks B again.
    expect(pass([['A'], ['B', { reply: true }], ['A'], ['C', { reply: true }], ['A'], ['B', { reply: true }]])).toBe(0);
    expect(cycles()).toBe(0);
  });

  it('is no retry: work that is sent on as it came takes no step', () => {
    expect(pass([['A'], ['B', { forward: true }], ['B', { forward: true }], ['B']])).toBe(2);
    expect(cycles()).toBe(0);
  });

  it('is not what an agent sends itself', () => {
    expect(pass([['A'], ['A'], ['A']])).toBe(3);
    expect(cycles()).toBe(0);
  });
});

describe('a message that is sent on, as to a retry or a dead-letter topic', () => {
  const kind = { scope, system: kafka, errorType: () => undefined };
  const shape = {
    reader: messageHeaders,
    headers: (message: unknown) => (message as { headers?: object }).headers,
    holdsFields,
    writer: (fields: Parameters<typeof writeRecord>[1]) => (message: object, headers: object | undefined) => ({
      ...message,
      headers: writeRecord(headers as Record<string, unknown>, fields),
    }),
  };
  interface Message {
    readonly headers: Record<string, string>;
  }
  const send = (message: unknown): Message => {
    const sender = senderSettings(
      { agent: 'billing', lineage: { mode: 'enforce', maxHops: 3 } },
      { ...kind, shape, places: () => [], suppresses: () => false },
    );
    const outgoing = startTopic('retry', [[message]], sender);
    void sendAll([outgoing], () => undefined, false);
    return outgoing.lists[0]?.[0] as Message;
  };
  const receiver = receiverSettings<Message>(
    { agent: 'billing' },
    { ...kind, messageOf: ({ headers }) => ({ topic: 'orders', headers }) },
  );
  const handle = <R>(message: Message, fn: () => R): R => messageHandler<Message, R>(fn, receiver)(message);

  it('keeps the place of its chain, however often; new work of its handler does not', () => {
    let message = send({ value: 'v' });
    const place = () => memberOf(message.headers)?.hops ?? 1;
    for (let retry = 0; retry < 5; retry++) {
      const taken = message;
      message = handle(taken, () => send({ value: 'v', headers: taken.headers }));
      expect(place()).toBe(1);
    }
    const last = message;
    message = handle(last, () => send({ value: 'new' }));
    expect(place()).toBe(2);
    // Another message's context is not what came in.
    const foreign = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    message = handle(last, () => send({ value: 'v', headers: foreign }));
    expect(place()).toBe(2);
    expect(telemetry.spans().some((span) => span.attributes['throughline.lineage.cycle'] === true)).toBe(false);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { context, createContextKey, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { headers } from '@nats-io/nats-core';
import type { Msg } from '@nats-io/nats-core';
import { expect, it } from 'vitest';
import { runWith, traceNats } from '../src/index.ts';
import {
  activeSpan,
  activeTrace,
  connection,
  inSpan,
  named,
  newSubject,
  onNats,
  openSpans,
  plain,
  telemetry,
  untilNamed,
} from './on-nats.ts';

const key = createContextKey('outer');
const outer = (): unknown => context.active().getValue(key);
const within = <T>(name: string, fn: () => T): T => context.with(ROOT_CONTEXT.setValue(key, name), fn);

onNats('the body of a `for await` loop', () => {
  it('runs in the context of each message, with its baggage, after every await', async () => {
    const subject = newSubject();
    const subscription = connection.subscribe(subject, { max: 3 });
    const seen: (readonly [string, string | undefined, string | undefined, string | undefined])[] = [];
    const loop = within('outside', async () => {
      for await (const message of subscription) {
        const at = activeTrace();
        await delay(1);
        await Promise.resolve();
        seen.push([message.string(), at, activeTrace(), propagation.getActiveBaggage()?.getEntry('tenant')?.value]);
      }
      expect(activeTrace()).toBeUndefined();
      expect(outer()).toBe('outside');
    });
    const sent: (string | undefined)[] = [];
    for (const tenant of ['a', 'b', 'c']) {
      const baggage = propagation.createBaggage({ tenant: { value: tenant } });
      await context.with(propagation.setBaggage(context.active(), baggage), () =>
        inSpan('caller', async () => {
          sent.push(activeTrace());
          connection.publish(subject, tenant);
        }),
      );
    }
    await loop;
    expect(seen).toEqual(['a', 'b', 'c'].map((tenant, at) => [tenant, sent[at], sent[at], tenant]));
    const [span] = await untilNamed(`process ${subject}`, 3);
    const send = telemetry.find(`send ${subject}`);
    expect(span?.kind).toBe(SpanKind.CONSUMER);
    expect(send.kind).toBe(SpanKind.PRODUCER);
    expect(span?.parentSpanContext?.spanId).toBe(send.spanContext().spanId);
    expect(span?.links.map((link) => link.context.spanId)).toEqual([send.spanContext().spanId]);
    expect(span?.attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': subject,
    });
  });

  it('200 loops at once, of 20 messages each: none sees another, what a body leaves running stays its own', async () => {
    const LOOPS = 200;
    const MESSAGES = 20;
    const subject = newSubject();
    let wrong = 0;
    let checked = 0;
    const check = (is: boolean): void => {
      checked++;
      if (!is) wrong++;
    };
    const loops = Array.from({ length: LOOPS }, (_, at) => {
      const subscription = connection.subscribe(`${subject}.${at}`, { max: MESSAGES });
      const run = async (): Promise<void> => {
        const before = outer();
        const left: Promise<void>[] = [];
        for await (const message of subscription) {
          const own = message.headers?.get('traceparent').split('-')[1];
          const span = activeSpan();
          check(activeTrace() === own);
          await delay(Math.random() * 4);
          check(activeTrace() === own && activeSpan() === span);
          left.push(delay(20).then(() => check(activeTrace() === own && activeSpan() === span)));
          await Promise.all([delay(1), delay(2)]);
          check(activeTrace() === own && activeSpan() === span);
          if (at % 3 === 0 && message.string() === '10') break;
        }
        check(activeTrace() === undefined && outer() === before);
        await Promise.all(left);
        check(activeTrace() === undefined && outer() === before);
      };
      // Half of them are begun where nothing is active, one after the other in the same task.
      const running = at % 2 === 0 ? run() : within(`loop ${at}`, run);
      check(activeTrace() === undefined && outer() === undefined);
      return running;
    });
    await plain.flush();
    const tracer = trace.getTracer('test');
    for (let nth = 0; nth < MESSAGES; nth++) {
      for (let at = 0; at < LOOPS; at++) {
        tracer.startActiveSpan('caller', { root: true }, (span) => {
          connection.publish(`${subject}.${at}`, String(nth));
          span.end();
        });
      }
    }
    await Promise.all(loops);
    expect(wrong).toBe(0);
    expect(checked).toBeGreaterThan(LOOPS * MESSAGES * 2);
    expect(openSpans.named('process')).toEqual([]);
  });

  it('its span ends when the loop asks for the next message', async () => {
    const subject = newSubject();
    const iterator = connection.subscribe(subject)[Symbol.asyncIterator]();
    connection.publish(subject, '1');
    connection.publish(subject, '2');
    const first = await iterator.next();
    expect((first.value as Msg).string()).toBe('1');
    expect(openSpans.named('process')).toEqual([`process ${subject}`]);
    const second = await iterator.next();
    expect(named(`process ${subject}`)).toHaveLength(1);
    expect((second.value as Msg).string()).toBe('2');
    await iterator.return?.();
    expect(named(`process ${subject}`)).toHaveLength(2);
  });

  it('`break`, `return` and `throw` end the span and bring back what was active before', async () => {
    for (const leave of ['break', 'return', 'throw'] as const) {
      const subject = newSubject();
      const subscription = connection.subscribe(subject);
      connection.publish(subject, 'one');
      const mine = new Error('mine');
      const loop = async (): Promise<string> => {
        for await (const _ of subscription) {
          expect(activeTrace()).toBeDefined();
          if (leave === 'break') break;
          if (leave === 'return') return 'returned';
          throw mine;
        }
        expect(activeTrace()).toBeUndefined();
        expect(outer()).toBe('outside');
        return 'left';
      };
      const result = await within('outside', () => loop().catch((error: unknown) => error));
      expect(result).toBe({ break: 'left', return: 'returned', throw: mine }[leave]);
      expect(named(`process ${subject}`)).toHaveLength(1);
      expect(subscription.isClosed()).toBe(true);
    }
  });

  it('a loop within a loop: each message is in its own trace, and back', async () => {
    const [above, below] = [newSubject(), newSubject()];
    const subscription = connection.subscribe(above, { max: 2 });
    for (const text of ['1', '2']) plain.publish(above, text, { headers: fields(text.repeat(32)) });
    const seen: (string | undefined)[] = [];
    for await (const _ of subscription) {
      seen.push(activeTrace());
      const inner = connection.subscribe(below);
      plain.publish(below, 'x', { headers: fields('a'.repeat(32)) });
      for await (const __ of inner) {
        seen.push(activeTrace());
        break;
      }
      seen.push(activeTrace());
    }
    const [one, two, a] = ['1', '2', 'a'].map((digit) => digit.repeat(32));
    expect(seen).toEqual([one, a, one, two, a, two]);
  });

  it('an async generator around it: messages of it are in their trace by runWith', async () => {
    const subject = newSubject();
    const subscription = connection.subscribe(subject, { max: 2 });
    async function* texts(): AsyncGenerator<Msg> {
      for await (const message of subscription) yield message;
    }
    for (const digit of ['1', '2']) plain.publish(subject, digit, { headers: fields(digit.repeat(32)) });
    const seen: (string | undefined)[] = [];
    for await (const message of texts()) {
      seen.push(activeTrace(), runWith(message, activeTrace));
      expect(openSpans.named('process')).toHaveLength(1);
    }
    expect(seen.filter((_, at) => at % 2 === 1)).toEqual(['1', '2'].map((digit) => digit.repeat(32)));
    expect(named(`process ${subject}`)).toHaveLength(2);
  });

  it('a pool that shares one iterator: each worker is in the trace of its message, and its span ends when it asks for another', async () => {
    const subject = newSubject();
    const iterator = connection.subscribe(subject, { max: 60 })[Symbol.asyncIterator]();
    let wrong = 0;
    const worker = async (): Promise<void> => {
      for (;;) {
        const { done, value } = (await iterator.next()) as IteratorResult<Msg, undefined>;
        if (done) return;
        const own = value.headers?.get('traceparent').split('-')[1];
        const span = activeSpan();
        await delay(Math.random() * 5);
        if (activeTrace() !== own || activeSpan() !== span || !openSpans.named(`process ${subject}`).length) wrong++;
        if (named(`process ${subject}`).some((ended) => ended.spanContext().spanId === span)) wrong++;
      }
    };
    const workers = [1, 2, 3, 4].map(worker);
    for (let nth = 0; nth < 60; nth++) {
      plain.publish(subject, String(nth), { headers: fields(nth.toString(16).padStart(32, 'b')) });
    }
    await Promise.all(workers);
    expect(wrong).toBe(0);
    expect(named(`process ${subject}`)).toHaveLength(60);
  });

  it('a pool that is given messages with runWith: the span ends with its work', async () => {
    const subject = newSubject();
    let wrong = 0;
    const handle = async (message: Msg): Promise<void> => {
      const span = activeSpan();
      await delay(Math.random() * 10);
      const own = message.headers?.get('traceparent').split('-')[1];
      if (activeTrace() !== own || activeSpan() !== span) wrong++;
      if (named(`process ${subject}`).some((ended) => ended.spanContext().spanId === span)) wrong++;
      if (message.string() === '7') throw new Error('mine');
    };
    const pool: Promise<unknown>[] = [];
    const subscription = connection.subscribe(subject, { max: 30 });
    const called = connection.subscribe(subject, {
      max: 30,
      callback: (_, message) => void pool.push(runWith(message, () => handle(message)).catch(String)),
    });
    for (let nth = 0; nth < 30; nth++) {
      plain.publish(subject, String(nth), { headers: fields(nth.toString(16).padStart(32, 'b')) });
    }
    for await (const message of subscription) pool.push(runWith(message, () => handle(message)).catch(String));
    await called.closed;
    expect((await Promise.all(pool)).filter(Boolean)).toEqual(['Error: mine', 'Error: mine']);
    expect(wrong).toBe(0);
    const spans = named(`process ${subject}`);
    expect(spans).toHaveLength(60);
    expect(spans.filter(({ attributes }) => attributes['error.type'] === 'Error')).toHaveLength(2);
  });

  it('a subscription is what it was: counts, closing, draining, `max`', async () => {
    const subject = newSubject();
    const subscription = connection.subscribe(subject);
    expect(subscription.getSubject()).toBe(subject);
    expect(subscription.getProcessed()).toBe(0);
    subscription.unsubscribe(2);
    for (const text of ['1', '2', '3']) connection.publish(subject, text);
    let count = 0;
    for await (const _ of subscription) count++;
    expect(count).toBe(2);
    expect(subscription.getProcessed()).toBe(2);
    expect(subscription.getReceived()).toBe(2);
    expect(await subscription.closed).toBeUndefined();
    expect(subscription.isClosed()).toBe(true);
    const drained = connection.subscribe(subject);
    connection.publish(subject, 'last');
    await connection.flush();
    const draining = drained.drain();
    const texts: string[] = [];
    for await (const message of drained) texts.push(message.string());
    await draining;
    expect(texts).toEqual(['last']);
    const iterator = drained[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toThrow('already yielding');
  });

  it('a refused message is passed over, told once, and the loop goes on for all others', async () => {
    const subject = newSubject();
    const traced = traceNats(plain, { lineage: { mode: 'enforce' } });
    const subscription = traced.subscribe(subject, { max: 4 });
    const deep = headers();
    deep.set('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
    deep.set('baggage', 'throughline.lineage=1.33.32.1.-.-.-');
    for (const [text, held] of [
      ['1', undefined],
      ['deep', deep],
      ['2', undefined],
    ] as const) {
      plain.publish(subject, text, held && { headers: held });
    }
    const answer = plain.request(subject, 'deep', { headers: deep, timeout: 10_000 });
    const texts: string[] = [];
    for await (const message of subscription) texts.push(message.string());
    expect(texts).toEqual(['1', '2']);
    const { headers: told } = await answer;
    expect(told?.get('Nats-Service-Error-Code')).toBe('508');
    expect(told?.get('Nats-Service-Error')).toMatch(/33 hops deep, and its limit is 32/);
    const refused = named(`process ${subject}`).filter(({ attributes }) => attributes['error.type'] !== undefined);
    expect(refused.map(({ attributes }) => attributes['error.type'])).toEqual(['throughline.hops', 'throughline.hops']);
  });

  it('`onRefused` decides, and what it throws goes no further', async () => {
    const subject = newSubject();
    const seen: string[] = [];
    const traced = traceNats(plain, {
      lineage: { mode: 'enforce' },
      async onRefused({ refused }, message) {
        seen.push(`${refused} ${message.subject === subject} ${activeTrace()}`);
        throw new Error('mine');
      },
    });
    const subscription = traced.subscribe(subject, { max: 2 });
    plain.publish(subject, 'deep', { headers: fields('c'.repeat(32), 'throughline.lineage=1.33.32.1.-.-.-') });
    plain.publish(subject, 'last');
    const texts: string[] = [];
    for await (const message of subscription) texts.push(message.string());
    expect(texts).toEqual(['last']);
    expect(seen).toEqual([`hops true ${'c'.repeat(32)}`]);
  });

  it('`handlerTimeout` gives a span up, and the body goes on', async () => {
    const subject = newSubject();
    const subscription = traceNats(plain, { handlerTimeout: 30 }).subscribe(subject, { max: 1 });
    plain.publish(subject, 'x');
    for await (const _ of subscription) {
      const [span] = await untilNamed(`process ${subject}`);
      expect(span?.attributes['error.type']).toBe('handler_timeout');
    }
    expect(named(`process ${subject}`)).toHaveLength(1);
  });
});

function fields(traceId: string, baggage?: string) {
  const made = headers();
  made.set('traceparent', `00-${traceId}-${'d'.repeat(16)}-01`);
  if (baggage !== undefined) made.set('baggage', baggage);
  return made;
}

import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerConfig, JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { createInbox, headers } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { SpanKind } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import { beforeAll, expect, it } from 'vitest';
import { runWith, traceJetStream, traceNats } from '../src/index.ts';
import type { JetStreamOptions } from '../src/index.ts';
import {
  activeSpan,
  activeTrace,
  another,
  inSpan,
  named,
  newSubject,
  onNats,
  open,
  openSpans,
  plain,
  server,
  telemetry,
  untilNamed,
} from './on-nats.ts';

let manager: JetStreamManager;
let js: JetStreamClient;

/** A stream of its own, and a durable consumer of it. */
async function newStream(
  config: Partial<ConsumerConfig> = {},
): Promise<{ subject: string; stream: string; durable: string }> {
  const subject = newSubject('stored');
  const stream = subject.toUpperCase();
  await manager.streams.add({ name: stream, subjects: [subject, `${subject}.>`] });
  await manager.consumers.add(stream, { durable_name: 'billing', ack_policy: AckPolicy.Explicit, ...config });
  return { subject, stream, durable: 'billing' };
}

const traceOf = (message: JsMsg): string | undefined => message.headers?.get('traceparent').split('-')[1];
const deep = (): ReturnType<typeof headers> => {
  const held = headers();
  held.set('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  held.set('baggage', 'throughline.lineage=1.33.32.1.-.-.-');
  return held;
};

onNats('JetStream', () => {
  beforeAll(async () => {
    manager = await jetstreamManager(plain);
    js = traceJetStream(jetstream(plain));
  });

  it('publish is a span that ends with the acknowledgement, and the options stay as they were', async () => {
    const { subject, stream } = await newStream();
    const own = headers();
    own.append('Mine', 'one');
    own.append('Mine', 'two');
    const options = Object.freeze({ msgID: 'one', headers: own });
    const first = await js.publish(subject, 'x', options);
    expect(first).toMatchObject({ stream, seq: 1, duplicate: false });
    expect((await js.publish(subject, 'x', options)).duplicate).toBe(true);
    expect(own.keys()).toEqual(['Mine']);
    const [send, again] = named(`send ${subject}`);
    expect(send?.kind).toBe(SpanKind.PRODUCER);
    expect(send?.attributes).toEqual({
      'messaging.system': 'nats',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': subject,
      'messaging.message.id': 'one',
      'throughline.nats.stream': stream,
    });
    expect(again?.attributes['throughline.nats.duplicate']).toBe(true);
    const stored = await (await js.streams.get(stream)).getMessage({ seq: 1 });
    expect(stored?.header.keys().toSorted()).toEqual(['Mine', 'Nats-Msg-Id', 'traceparent']);
    expect(stored?.header.values('Mine')).toEqual(['one', 'two']);
  });

  it('publish that no stream takes is an error', async () => {
    const subject = newSubject('nowhere');
    await expect(js.publish(subject, 'x')).rejects.toThrow();
    expect(named(`send ${subject}`)[0]?.attributes['error.type']).toBe('JetStreamNotEnabled');
    const { subject: there } = await newStream();
    await expect(js.publish(there, 'x', { expect: { lastSequence: 17 } })).rejects.toThrow();
    expect(named(`send ${there}`)[0]?.attributes['error.type']).toMatch(/^JetStreamApiError\.\d+$/);
  });

  it('over a traced connection there is one span of each', async () => {
    const traced = traceJetStream(jetstream(traceNats(plain)));
    const { subject, stream, durable } = await newStream();
    await traced.publish(subject, 'x');
    const consumer = await traced.consumers.get(stream, durable);
    const message = await consumer.next({ expires: 10_000 });
    expect(await message?.ackAck()).toBe(true);
    expect(telemetry.spans().map(({ name }) => name)).toEqual([`send ${subject}`, `process ${stream}`]);
  });

  it('consume by a loop: each body is in its message’s context, and `ack` ends the span', async () => {
    const { subject, stream, durable } = await newStream();
    await inSpan('caller', async () => void (await js.publish(subject, '1')));
    await inSpan('caller', async () => void (await js.publish(subject, '2')));
    const consumer = await js.consumers.get(stream, durable);
    const messages = await consumer.consume();
    const before = activeSpan();
    let count = 0;
    for await (const message of messages) {
      expect(activeTrace()).toBe(traceOf(message));
      await delay(1);
      expect(activeTrace()).toBe(traceOf(message));
      message.working();
      expect(named(`process ${stream}`)).toHaveLength(count);
      message.ack();
      count++;
      expect(named(`process ${stream}`)).toHaveLength(count);
      expect(activeTrace()).toBe(traceOf(message));
      if (count === 2) break;
    }
    expect(activeSpan()).toBe(before);
    const [process] = named(`process ${stream}`);
    const [send] = named(`send ${subject}`);
    expect(process?.kind).toBe(SpanKind.CONSUMER);
    expect(process?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId);
    expect(process?.links.map((link) => link.context.spanId)).toEqual([send?.spanContext().spanId]);
    expect(process?.attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.type': 'process',
      'messaging.destination.name': subject,
      'messaging.consumer.group.name': 'billing',
      'throughline.nats.stream': stream,
      'throughline.nats.delivery_count': 1,
      'throughline.nats.settlement': 'ack',
    });
    expect(process?.attributes['throughline.queue.duration']).toBeGreaterThanOrEqual(0);
    await expect.poll(async () => (await consumer.info()).num_ack_pending).toBe(0);
  });

  it('a message that comes again is a new span of the same parent', async () => {
    const { subject, stream, durable } = await newStream();
    await js.publish(subject, 'x');
    const consumer = await js.consumers.get(stream, durable);
    const settle: ((message: JsMsg) => void)[] = [
      (message) => message.nak(),
      (message) => message.nak(1),
      (message) => message.term(),
    ];
    const messages = await consumer.consume();
    for await (const message of messages) {
      settle[message.info.deliveryCount - 1]?.(message);
      if (message.info.deliveryCount === 3) break;
    }
    const spans = named(`process ${stream}`);
    expect(
      spans.map(({ attributes }) => [
        attributes['throughline.nats.delivery_count'],
        attributes['throughline.nats.settlement'],
      ]),
    ).toEqual([
      [1, 'nak'],
      [2, 'nak'],
      [3, 'term'],
    ]);
    expect(new Set(spans.map(({ parentSpanContext }) => parentSpanContext?.spanId)).size).toBe(1);
  });

  it('consume by a callback: the span ends with its promise, or with its settlement', async () => {
    const { subject, stream, durable } = await newStream();
    const consumer = await js.consumers.get(stream, durable);
    const kept: JsMsg[] = [];
    const seen: boolean[] = [];
    const messages = await consumer.consume({
      callback: (message) => {
        seen.push(activeTrace() === traceOf(message));
        // Handed to somebody else, who settles it later.
        kept.push(message);
      },
    });
    await js.publish(subject, '1');
    await js.publish(subject, '2');
    await expect.poll(() => kept.length).toBe(2);
    expect(seen).toEqual([true, true]);
    expect(named(`process ${stream}`)).toEqual([]);
    for (const message of kept) {
      expect(runWith(message, activeTrace)).toBe(traceOf(message));
      message.ack();
    }
    expect(named(`process ${stream}`)).toHaveLength(2);
    await messages.close();
    const awaited = await consumer.consume({ callback: () => delay<never>(5) });
    await js.publish(subject, '3');
    const spans = await untilNamed(`process ${stream}`, 3);
    expect(spans[2]?.attributes['throughline.nats.settlement']).toBeUndefined();
    await awaited.close();
  });

  it('what nobody settles is given up when the server would deliver it again; `working` starts the time anew', async () => {
    const { subject, stream, durable } = await newStream({ ack_wait: 400e6, max_deliver: 1 });
    const consumer = await js.consumers.get(stream, durable);
    await js.publish(subject, 'x');
    const message = await consumer.next({ expires: 10_000 });
    await delay(250);
    message?.working();
    await delay(250);
    expect(named(`process ${stream}`)).toEqual([]);
    const [span] = await untilNamed(`process ${stream}`);
    expect(span?.attributes['error.type']).toBe('handler_timeout');
  });

  it('fetch and next, in parallel', async () => {
    const { subject, stream, durable } = await newStream();
    for (let nth = 0; nth < 30; nth++)
      await inSpan('caller', async () => void (await js.publish(subject, String(nth))));
    const consumer = await js.consumers.get(stream, durable);
    let right = 0;
    const fetching = async (): Promise<void> => {
      for await (const message of await consumer.fetch({ max_messages: 10, expires: 2_000 })) {
        await delay(Math.random() * 5);
        if (activeTrace() === traceOf(message)) right++;
        message.ack();
      }
      expect(activeTrace()).toBeUndefined();
    };
    const one = async (): Promise<void> => {
      for (let nth = 0; nth < 5; nth++) {
        const message = (await consumer.next({ expires: 10_000 })) as JsMsg;
        expect(activeTrace()).toBeUndefined();
        await runWith(message, async () => {
          await delay(Math.random() * 5);
          if (activeTrace() === traceOf(message)) right++;
        });
        message.ack();
      }
    };
    await Promise.all([fetching(), fetching(), one(), one()]);
    expect(right).toBe(30);
    expect(named(`process ${stream}`)).toHaveLength(30);
    expect(await consumer.next({ expires: 1_000 })).toBeNull();
  });

  it('an ordered consumer: nothing to settle, and no group', async () => {
    const { subject, stream } = await newStream();
    for (const text of ['1', '2', '3']) await js.publish(`${subject}.${text}`, text);
    const consumer = await js.consumers.get(stream, { filter_subjects: `${subject}.>` });
    const texts: string[] = [];
    for await (const message of await consumer.consume()) {
      expect(activeTrace()).toBe(traceOf(message));
      texts.push(message.string());
      if (texts.length === 3) break;
    }
    expect(texts).toEqual(['1', '2', '3']);
    const spans = named(`process ${subject}.>`);
    expect(spans).toHaveLength(3);
    expect(spans[0]?.attributes['messaging.consumer.group.name']).toBeUndefined();
  });

  it('a consumer of `streams`, and a push consumer', async () => {
    const { subject, stream, durable } = await newStream();
    await js.publish(subject, 'x');
    const consumer = await (await js.streams.get(stream)).getConsumer(durable);
    const message = await consumer.next({ expires: 10_000 });
    message?.ack();
    expect(named(`process ${stream}`)).toHaveLength(1);
    await manager.consumers.add(stream, {
      durable_name: 'pushed',
      deliver_subject: newSubject('push'),
      ack_policy: AckPolicy.Explicit,
    });
    const push = await js.consumers.getPushConsumer(stream, 'pushed');
    for await (const pushed of await push.consume()) {
      expect(activeTrace()).toBe(traceOf(pushed));
      pushed.ack();
      break;
    }
    expect(named(`process ${stream}`)).toHaveLength(2);
  });

  it('`maxParentAge`: what the stream took longer ago starts a trace that links its own', async () => {
    const { subject, stream, durable } = await newStream();
    await js.publish(subject, 'x');
    await delay(20);
    const consumer = await traceJetStream(jetstream(plain), { maxParentAge: 5 }).consumers.get(stream, durable);
    (await consumer.next({ expires: 10_000 }))?.ack();
    const [process] = named(`process ${stream}`);
    const [send] = named(`send ${subject}`);
    expect(process?.parentSpanContext).toBeUndefined();
    expect(process?.links.map((link) => link.context.spanId)).toEqual([send?.spanContext().spanId]);
  });

  it('a refused message is terminated and passed over: by loop, callback, fetch and next; all others are handled', async () => {
    const refusing = traceJetStream(jetstream(plain), { lineage: { mode: 'enforce' } });
    for (const how of ['loop', 'callback', 'fetch', 'next']) {
      await telemetry.reset();
      const { subject, stream, durable } = await newStream({ ack_wait: 300e6 });
      const raw = jetstream(plain);
      for (const text of ['1', 'deep', '2', 'deep', 'last'])
        await raw.publish(subject, text, text === 'deep' ? { headers: deep() } : {});
      const consumer = await refusing.consumers.get(stream, durable);
      const texts: string[] = [];
      if (how === 'next') {
        while (texts.at(-1) !== 'last') {
          const message = await consumer.next({ expires: 10_000 });
          texts.push(message?.string() ?? '');
          message?.ack();
        }
      } else if (how === 'callback') {
        const messages = await consumer.consume({
          callback: (message) => {
            texts.push(message.string());
            message.ack();
          },
        });
        await expect.poll(() => texts.at(-1)).toBe('last');
        await messages.close();
      } else {
        const messages =
          how === 'loop' ? await consumer.consume() : await consumer.fetch({ max_messages: 5, expires: 10_000 });
        for await (const message of messages) {
          texts.push(message.string());
          message.ack();
          if (message.string() === 'last') break;
        }
      }
      expect(texts).toEqual(['1', '2', 'last']);
      expect(
        named(`process ${stream}`).filter(({ attributes }) => attributes['error.type'] === 'throughline.hops'),
      ).toHaveLength(2);
      // Longer than the server waits for a settlement: terminated, they do not come again.
      await delay(400);
      await expect.poll(async () => (await consumer.info()).num_ack_pending).toBe(0);
      expect(await consumer.next({ expires: 1_000 })).toBeNull();
    }
    await expect(refusing.publish('any', 'x', { headers: deep() })).rejects.toMatchObject({
      code: 'ERR_THROUGHLINE_REFUSED',
    });
  });

  it('what is open ends with the connection', async () => {
    const own = await another();
    const traced = traceJetStream(jetstream(own));
    const { subject, stream, durable } = await newStream();
    await traced.publish(subject, 'x');
    const consumer = await traced.consumers.get(stream, durable);
    await consumer.next({ expires: 10_000 });
    expect(openSpans.named('process')).toHaveLength(1);
    await own.close();
    await expect.poll(() => named(`process ${stream}`)[0]?.attributes['error.type']).toBe('abandoned');
  });

  it('over a traced connection with a prefix of inboxes of its own each message is one hop', async () => {
    const { subject, stream, durable } = await newStream();
    const own = await connect({ servers: server.url, inboxPrefix: '_INBOX_billing' });
    open.push(own);
    const traced = traceNats(own);
    const client = traceJetStream(jetstream(traced));
    await client.publish(subject, 'x');
    const consumer = await client.consumers.get(stream, durable);
    for await (const message of await consumer.consume()) {
      message.ack();
      break;
    }
    const inbox = createInbox('_INBOX_billing');
    const answers = own.subscribe(inbox, { max: 1 });
    traced.publish(inbox, 'y');
    for await (const answer of answers) expect(answer.string()).toBe('y');
    expect(telemetry.spans().map(({ name }) => name)).toEqual([`send ${subject}`, `process ${stream}`]);
  });

  it('messages are what they were', async () => {
    const { subject, stream, durable } = await newStream();
    await js.publish(subject, '{"a":1}', { msgID: 'id' });
    const consumer = await js.consumers.get(stream, durable);
    const message = (await consumer.next({ expires: 10_000 })) as JsMsg;
    expect(message.json()).toEqual({ a: 1 });
    expect(message.subject).toBe(subject);
    expect(message.seq).toBe(1);
    expect(message.redelivered).toBe(false);
    expect(message.headers?.get('Nats-Msg-Id')).toBe('id');
    expect(message.info).toMatchObject({ stream, consumer: durable, deliveryCount: 1 });
    expect(message.constructor.name).toBe('JsMsgImpl');
    expect(await message.ackAck()).toBe(true);
    expect(await message.ackAck()).toBe(false);
  });

  it('wrapping twice is one wrap; wrong options are told', () => {
    expect(traceJetStream(js)).toBe(js);
    const options: JetStreamOptions = { maxParentAge: -1 };
    expect(() => traceJetStream(jetstream(plain), options)).toThrow(ThroughlineError);
    expect(() => traceJetStream(7 as never)).toThrow(/takes a client of JetStream/);
  });
});

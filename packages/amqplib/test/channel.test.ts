import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Channel, ConsumeMessage, GetMessage } from 'amqplib';
import type { Connection } from 'amqplib/callback_api';
import { describe, expect, it } from 'vitest';
import { stateOf } from '../src/channel-state.ts';
import { forwardHeaders, runWith, traceChannel, traceConnection } from '../src/index.ts';
import {
  after,
  callbackApiOf,
  connection,
  deferred,
  inSpan,
  majors,
  named,
  newChannel,
  newConfirmChannel,
  newName,
  newQueue,
  next,
  onRabbitmq,
  openSpans,
  peerOf,
  server,
  telemetry,
} from './on-rabbitmq.ts';

const body = Buffer.from('compare the plans');
const text = (value: unknown): string => String(value);

/** Consumes until a message came and `handle` is over. */
async function consumeOne(
  channel: Channel,
  queue: string,
  handle: (message: ConsumeMessage) => unknown,
  options?: object,
): Promise<ConsumeMessage> {
  const handled = deferred<ConsumeMessage>();
  await channel.consume(
    queue,
    async (message) => {
      if (message === null) return;
      await handle(message);
      handled.resolve(message);
    },
    options,
  );
  return handled.promise;
}

for (const [version, name] of majors) {
  onRabbitmq(`amqplib ${version}`, peerOf(name), () => {
    const noneOpen = (): Promise<unknown> => expect.poll(() => openSpans.named()).toEqual([]);

    describe('publish and sendToQueue', () => {
      it('send the context in a copy of the headers, also of frozen options, and keep what is there', async () => {
        const queue = await newQueue('tasks');
        const channel = traceChannel(await newChannel());
        const options = Object.freeze({
          persistent: true,
          messageId: 'one',
          correlationId: 'c1',
          headers: Object.freeze({ mine: 1, nested: { a: [1, 'x'] }, bytes: Buffer.from('b') }),
        });
        expect(inSpan('work', () => channel.sendToQueue(queue, body, options))).toBe(true);
        const { properties, content } = await next(channel, queue);
        const { traceparent, mine, nested, bytes } = properties.headers ?? {};
        const send = telemetry.find(`send ${queue}`);
        expect(traceparent).toBe(`00-${send.spanContext().traceId}-${send.spanContext().spanId}-01`);
        expect({ mine, nested, bytes }).toEqual({ mine: 1, nested: { a: [1, 'x'] }, bytes: Buffer.from('b') });
        expect(content.toString()).toBe('compare the plans');
        expect(properties.deliveryMode).toBe(2);
        expect(send.kind).toBe(SpanKind.PRODUCER);
        expect(send.parentSpanContext?.spanId).toBe(telemetry.find('work').spanContext().spanId);
        expect(send.attributes).toMatchObject({
          'messaging.system': 'rabbitmq',
          'messaging.operation.name': 'send',
          'messaging.operation.type': 'send',
          'messaging.destination.name': queue,
          'messaging.rabbitmq.destination.routing_key': queue,
          'messaging.message.id': 'one',
          'messaging.message.conversation_id': 'c1',
          'messaging.message.body.size': 17,
          'network.peer.address': '127.0.0.1',
        });
      });

      it('are named by the exchange, without ids, and say the routing key', async () => {
        const exchange = newName('events');
        const channel = traceChannel(await newChannel());
        await channel.assertExchange(exchange, 'topic');
        const { queue } = await channel.assertQueue('', { exclusive: true });
        await channel.bindQueue(queue, exchange, 'order.#');
        const seen = consumeOne(channel, queue, () => {}, { noAck: true });
        channel.publish(exchange, 'order.17', body);
        await seen;
        await noneOpen();
        expect(telemetry.find(`send ${exchange}`).attributes['messaging.destination.name']).toBe(
          `${exchange}:order.17`,
        );
        const { attributes } = telemetry.find('process (temporary)');
        expect(attributes['messaging.destination.name']).toBe(`${exchange}:order.17:${queue}`);
        expect(attributes['messaging.destination.anonymous']).toBe(true);
        expect(attributes['messaging.destination.temporary']).toBe(true);
      });

      it('of a connection that declares a queue for each request leave no more than so many names behind', async () => {
        const own = await peerOf(name).connect(server.url);
        after(() => own.close());
        const raw = await own.createChannel();
        const channel = traceChannel(raw);
        const queues = Array.from({ length: 1002 }, () => newName('reply'));
        await Promise.all(queues.map((queue) => channel.assertQueue(queue, { exclusive: true })));
        expect([...stateOf(raw).temporary]).toEqual(queues.slice(2));
      });

      it('take options that are inherited, headers that are inherited, and no options at all', async () => {
        const queue = await newQueue('inherited');
        const channel = traceChannel(await newChannel());
        const options = Object.create({ type: 'task', headers: Object.create({ mine: 'yes' }) as object }) as object;
        channel.sendToQueue(queue, body, options);
        channel.sendToQueue(queue, body);
        const first = await next(channel, queue);
        expect(first.properties.type).toBe('task');
        expect(first.properties.headers).toMatchObject({ mine: 'yes', traceparent: expect.any(String) });
        expect((await next(channel, queue)).properties.headers).toMatchObject({ traceparent: expect.any(String) });
      });

      it('fail as amqplib fails', async () => {
        const raw = await newChannel();
        const channel = traceChannel(raw);
        for (const args of [
          [7, 'x', body],
          ['', 7, body],
          ['', 'x', 'no buffer'],
          ['', 'x', body, { headers: 'none' }],
        ] as never[][]) {
          const [own, ours] = [raw, channel].map((one) => {
            try {
              return (one.publish as (...given: never[]) => unknown)(...args);
            } catch (error) {
              return text(error);
            }
          });
          expect(ours).toEqual(own);
        }
        await raw.close();
        expect(() => channel.sendToQueue('tasks', body)).toThrow(/closed/i);
        const [error] = named('send tasks');
        expect(error?.status.code).toBe(SpanStatusCode.ERROR);
        expect(openSpans.named()).toEqual([]);
      });

      it('leave `drain` and the events of the channel to its listeners', async () => {
        const raw = await newChannel();
        const channel = traceChannel(raw);
        const drained = deferred();
        channel.once('drain', () => drained.resolve());
        expect(channel.listenerCount('drain')).toBe(1);
        const queue = await newQueue('drain');
        const big = Buffer.alloc(200_000);
        let more = true;
        for (let sent = 0; more && sent < 2000; sent++) more = channel.sendToQueue(queue, big);
        expect(more).toBe(false);
        await drained.promise;
      });
    });

    describe('confirms', () => {
      it('end the span when the broker has confirmed, and call back in the context of the caller', async () => {
        const queue = await newQueue('confirmed');
        const channel = traceChannel(await newConfirmChannel());
        const called = deferred<unknown[]>();
        const caller = inSpan('work', () => {
          const active = trace.getActiveSpan();
          channel.sendToQueue(queue, body, {}, (...args) => called.resolve([trace.getActiveSpan(), ...args]));
          expect(named(`send ${queue}`)).toEqual([]);
          return active;
        });
        const [active, error] = await called.promise;
        expect(active).toBe(caller);
        expect(error).toBeNull();
        expect(telemetry.find(`send ${queue}`).status.code).toBe(SpanStatusCode.UNSET);
      });

      it('without a callback end it too, in any order', async () => {
        const queue = await newQueue('confirmed');
        const channel = traceChannel(await newConfirmChannel());
        for (let sent = 0; sent < 50; sent++) channel.sendToQueue(queue, body);
        await channel.waitForConfirms();
        await noneOpen();
        expect(named(`send ${queue}`)).toHaveLength(50);
        expect(named(`send ${queue}`).every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
      });

      for (const withCallback of [false, true]) {
        it(`that are nacked fail \`waitForConfirms\`, and the span is an error, ${withCallback ? 'with' : 'without'} a callback`, async () => {
          const queue = await newQueue('full', { maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } });
          const channel = traceChannel(await newConfirmChannel());
          const errors: unknown[] = [];
          const send = (): boolean =>
            withCallback
              ? channel.sendToQueue(queue, body, {}, (error) => errors.push(error))
              : channel.sendToQueue(queue, body);
          send();
          await channel.waitForConfirms();
          send();
          await expect(channel.waitForConfirms()).rejects.toThrow('message nacked');
          await noneOpen();
          expect(named(`send ${queue}`).map(({ attributes }) => attributes['error.type'])).toEqual([undefined, 'nack']);
          if (withCallback) expect(errors.map(text)).toEqual(['null', 'Error: message nacked']);
        });
      }

      it('that are lost with the channel are not hidden from `waitForConfirms`', async () => {
        const queue = await newQueue('lost');
        const outcomes = [];
        for (const traced of [false, true]) {
          const own = await peerOf(name).connect(server.url);
          own.on('error', () => {});
          const raw = await own.createConfirmChannel();
          raw.on('error', () => {});
          const channel = traced ? traceChannel(raw) : raw;
          const closed = deferred();
          channel.once('close', () => closed.resolve());
          channel.sendToQueue(queue, body);
          (own.connection as unknown as { stream: { destroy(error: Error): void } }).stream.destroy(new Error('gone'));
          await closed.promise;
          outcomes.push(
            await Promise.race([
              channel.waitForConfirms().then(() => 'confirmed', text),
              new Promise((resolve) => setTimeout(resolve, 2000, 'never')),
            ]),
          );
        }
        expect(outcomes[1]).toBe(outcomes[0]);
        // The oldest line hides it by itself.
        if (version !== '0.10') expect(outcomes[1]).toBe('Error: channel closed');
        await noneOpen();
        expect(telemetry.find(`send ${queue}`).attributes['error.type']).toBe('abandoned');
      });

      it('of a message that no queue takes say so, and `return` is emitted', async () => {
        const channel = traceChannel(await newConfirmChannel());
        const returned = deferred<string>();
        channel.on('return', ({ fields }) => returned.resolve(fields.routingKey));
        const missing = newName('missing');
        channel.sendToQueue(missing, body, { mandatory: true });
        channel.sendToQueue(missing, body, { mandatory: true }, () => {});
        expect(await returned.promise).toBe(missing);
        await channel.waitForConfirms();
        await noneOpen();
        expect(named(`send ${missing}`).map(({ attributes }) => attributes['error.type'])).toEqual([
          'NO_ROUTE',
          'NO_ROUTE',
        ]);
      });
    });

    describe('consume', () => {
      it('handles a message as a child of the span that sent it, with its baggage, until it is acknowledged', async () => {
        const queue = await newQueue('tasks');
        const channel = traceChannel(await newChannel());
        const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
        context.with(propagation.setBaggage(context.active(), baggage), () =>
          inSpan('work', () => channel.sendToQueue(queue, body)),
        );
        let seen: unknown;
        const message = await consumeOne(channel, queue, () => {
          seen = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
          inSpan('inside', () => {});
        });
        expect(seen).toBe('blue');
        expect(named(`process ${queue}`)).toEqual([]);
        channel.ack(message);
        const process = telemetry.find(`process ${queue}`);
        const send = telemetry.find(`send ${queue}`).spanContext();
        expect(process.kind).toBe(SpanKind.CONSUMER);
        expect(process.parentSpanContext?.spanId).toBe(send.spanId);
        expect(process.links.map((link) => link.context.spanId)).toEqual([send.spanId]);
        expect(telemetry.find('inside').parentSpanContext?.spanId).toBe(process.spanContext().spanId);
        expect(process.attributes).toMatchObject({
          'messaging.system': 'rabbitmq',
          'messaging.operation.type': 'process',
          'messaging.destination.name': queue,
          'messaging.rabbitmq.message.delivery_tag': 1,
          'messaging.message.body.size': 17,
        });
      });

      it('ends the span on nack, reject, ackAll, nackAll and up to a message', async () => {
        const queue = await newQueue('settled');
        const channel = traceChannel(await newChannel());
        const come = async (count: number): Promise<ConsumeMessage[]> => {
          await telemetry.reset();
          const all = deferred<ConsumeMessage[]>();
          const messages: ConsumeMessage[] = [];
          for (let sent = 0; sent < count; sent++) channel.sendToQueue(queue, body);
          const { consumerTag } = await channel.consume(queue, (message) => {
            if (message !== null && messages.push(message) === count) all.resolve(messages);
          });
          await all.promise;
          await channel.cancel(consumerTag);
          return messages;
        };
        const types = (): unknown[] => named(`process ${queue}`).map(({ attributes }) => attributes['error.type']);
        const [a, b, c, d] = (await come(4)) as [ConsumeMessage, ConsumeMessage, ConsumeMessage, ConsumeMessage];
        channel.ack(b, true);
        expect(types()).toEqual([undefined, undefined]);
        channel.nack(c, false, false);
        channel.reject(d, false);
        expect(types()).toEqual([undefined, undefined, 'nack', 'reject']);
        expect(a.fields.deliveryTag).toBeLessThan(b.fields.deliveryTag);
        await come(2);
        channel.ackAll();
        expect(types()).toEqual([undefined, undefined]);
        await come(2);
        channel.nackAll(false);
        expect(types()).toEqual(['nack', 'nack']);
        const [e, f] = (await come(2)) as [ConsumeMessage, ConsumeMessage];
        channel.nack(f, true, false);
        expect(types()).toEqual(['nack', 'nack']);
        expect(e.fields.redelivered).toBe(false);
        await noneOpen();
      });

      it('ends the span up to a message of `get` that came to hand after a later one of a consumer', async () => {
        const asked = await newQueue('asked');
        const consumed = await newQueue('consumed');
        const raw = await newChannel();
        const channel = traceChannel(raw);
        channel.sendToQueue(asked, body);
        await expect.poll(async () => (await raw.checkQueue(asked)).messageCount).toBe(1);
        const later = deferred<ConsumeMessage>();
        await channel.consume(consumed, (message) => {
          if (message !== null) later.resolve(message);
        });
        // As where both come in one read of the socket: the consumer is called at once, the promise of `get` after it.
        const get = raw.get.bind(raw);
        raw.get = async (...args) => {
          const message = await get(...args);
          await later.promise;
          return message;
        };
        const asking = channel.get(asked);
        channel.sendToQueue(consumed, body);
        const message = (await asking) as GetMessage;
        const second = await later.promise;
        expect(message.fields.deliveryTag).toBeLessThan(second.fields.deliveryTag);
        channel.ack(message, true);
        expect(openSpans.named('process')).toEqual([`process ${consumed}`]);
        channel.ack(second);
        await noneOpen();
      });

      it('without acknowledgements ends it with the handler, and with what that throws', async () => {
        const queue = await newQueue('unacknowledged');
        const channel = traceChannel(await newChannel());
        channel.sendToQueue(queue, body);
        const gate = deferred();
        const handled = consumeOne(channel, queue, () => gate.promise, { noAck: true });
        await expect.poll(() => openSpans.named('process')).toHaveLength(1);
        gate.resolve();
        await handled;
        await noneOpen();
        expect(telemetry.find(`process ${queue}`).status.code).toBe(SpanStatusCode.UNSET);
      });

      it('ends it when the channel closes, and at a time limit', async () => {
        const queue = await newQueue('abandoned');
        const channel = traceChannel(await newChannel());
        channel.sendToQueue(queue, body);
        await consumeOne(channel, queue, () => {});
        await channel.close();
        await noneOpen();
        expect(telemetry.find(`process ${queue}`).attributes['error.type']).toBe('abandoned');
        await telemetry.reset();
        const timed = traceChannel(await newChannel(), { handlerTimeout: 50 });
        const redelivered = await consumeOne(timed, queue, () => {});
        await noneOpen();
        const { attributes } = telemetry.find(`process ${queue}`);
        expect(attributes['error.type']).toBe('handler_timeout');
        expect(attributes['throughline.rabbitmq.redelivered']).toBe(true);
        timed.ack(redelivered);
      });

      it('ends it when the server closes the channel for an error', async () => {
        const queue = await newQueue('error');
        const channel = traceChannel(await newChannel());
        channel.sendToQueue(queue, body);
        await consumeOne(channel, queue, () => {});
        await expect(channel.checkQueue(newName('none'))).rejects.toThrow(/NOT.FOUND/);
        await noneOpen();
        expect(telemetry.find(`process ${queue}`).attributes['error.type']).toBe('abandoned');
      });

      it('hands on the `null` of a consumer that is cancelled, and what is no function', async () => {
        const queue = await newQueue('cancelled');
        const channel = traceChannel(await newChannel());
        const cancelled = deferred<unknown>();
        await channel.consume(queue, (message) => cancelled.resolve(message));
        await channel.deleteQueue(queue);
        expect(await cancelled.promise).toBeNull();
        expect(named(`process ${queue}`)).toEqual([]);
      });

      it('keeps messages that come again, and dead letters, in one trace', async () => {
        const dead = await newQueue('dead');
        const queue = await newQueue('tasks', { deadLetterExchange: '', deadLetterRoutingKey: dead });
        const channel = traceChannel(await newChannel());
        inSpan('work', () => channel.sendToQueue(queue, body));
        let tries = 0;
        await channel.consume(queue, (message) => {
          if (message !== null) channel.nack(message, false, tries++ === 0);
        });
        const letter = await consumeOne(channel, dead, () => {});
        channel.ack(letter);
        await noneOpen();
        const { traceId, spanId } = telemetry.find(`send ${queue}`).spanContext();
        const handled = [...named(`process ${queue}`), ...named(`process ${dead}`)];
        expect(handled).toHaveLength(3);
        for (const span of handled) {
          expect(span.spanContext().traceId).toBe(traceId);
          expect(span.parentSpanContext?.spanId).toBe(spanId);
        }
        expect(handled.map(({ attributes }) => attributes['throughline.rabbitmq.redelivered'])).toEqual([
          undefined,
          true,
          undefined,
        ]);
        expect(handled[2]?.attributes['throughline.rabbitmq.deaths']).toBe(1);
        const forwarded = forwardHeaders(letter);
        expect(Object.keys(forwarded).filter((header) => header.startsWith('x-'))).toEqual([]);
        expect(forwarded['traceparent']).toBe(letter.properties.headers?.['traceparent']);
      });

      it('lets what the handler throws out as the same object', async () => {
        const queue = await newQueue('thrown');
        const raw = await newChannel();
        const channel = traceChannel(raw);
        let run: (message: unknown) => unknown = () => {};
        const fake = traceChannel({
          publish() {},
          sendToQueue() {},
          consume: (_: string, handler: never) => void (run = handler),
        });
        const error = new Error('mine');
        fake.consume(queue, (() => {
          throw error;
        }) as never);
        channel.sendToQueue(queue, body);
        const message = await next(raw, queue);
        expect(() => run(message)).toThrow(error);
        const { attributes } = telemetry.find(`process ${queue}`);
        expect(attributes['error.type']).toBe('Error');
      });
    });

    describe('get', () => {
      it('gives a span that is open until the message is settled, and false where there is none', async () => {
        const queue = await newQueue('got');
        const channel = traceChannel(await newChannel());
        expect(await channel.get(queue)).toBe(false);
        channel.sendToQueue(queue, body);
        let message = await channel.get(queue);
        while (message === false) message = await channel.get(queue);
        expect(named(`process ${queue}`)).toEqual([]);
        runWith(message, () => inSpan('inside', () => {}));
        channel.ack(message);
        const process = telemetry.find(`process ${queue}`);
        expect(process.parentSpanContext?.spanId).toBe(telemetry.find(`send ${queue}`).spanContext().spanId);
        expect(telemetry.find('inside').parentSpanContext?.spanId).toBe(process.spanContext().spanId);
        expect(await channel.get(queue, { noAck: true })).toBe(false);
      });
    });

    describe('a request and its answer', () => {
      for (const reply of ['direct', 'queue'] as const) {
        it(`over ${reply === 'direct' ? 'direct reply-to' : 'a queue of its own'} are one trace, and the answer is no step deeper`, async () => {
          const queue = await newQueue('rpc');
          const client = traceChannel(await newChannel(), { agent: 'planner' });
          const service = traceChannel(await newChannel(), { agent: 'analyst' });
          await service.consume(queue, (request) => {
            if (request === null) return;
            const { replyTo, correlationId } = request.properties;
            service.sendToQueue(text(replyTo), body, { correlationId: text(correlationId) });
            service.ack(request);
          });
          const replyTo =
            reply === 'direct' ? 'amq.rabbitmq.reply-to' : (await client.assertQueue('', { exclusive: true })).queue;
          const answered = deferred<ConsumeMessage>();
          await client.consume(replyTo, (message) => message && answered.resolve(message), { noAck: true });
          inSpan('work', () => client.sendToQueue(queue, body, { replyTo, correlationId: 'c1' }));
          const answer = await answered.promise;
          await noneOpen();
          expect(answer.properties.correlationId).toBe('c1');
          const { traceId } = telemetry.find('work').spanContext();
          expect(telemetry.spans().map((span) => span.spanContext().traceId)).toEqual(
            telemetry.spans().map(() => traceId),
          );
          const hops = (of: string): unknown => telemetry.find(of).attributes['throughline.lineage.hops'] ?? 1;
          expect(telemetry.find('send (temporary)').attributes['messaging.destination.anonymous']).toBe(true);
          expect(hops('process (temporary)')).toBe(1);
          expect(answer.properties.headers?.['baggage']).toMatch(/throughline\.lineage=1\.0\./);
        });
      }
    });

    describe('a chain that is past a limit', () => {
      const lineage = 'throughline.lineage=1.33.32.1.-.-.-';
      const headers = { baggage: lineage, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
      const enforce = { lineage: { mode: 'enforce' } } as const;

      it('is refused at publish by a throw, as amqplib refuses, and without a call of the callback', async () => {
        const queue = await newQueue('refused');
        const channel = traceChannel(await newConfirmChannel(), { lineage: { mode: 'enforce', maxHops: 1 } });
        const source = await newQueue('source');
        channel.sendToQueue(source, body);
        let thrown: unknown;
        let called = 0;
        await channel.consume(source, (message) => {
          if (message === null) return;
          try {
            channel.sendToQueue(queue, body, {}, () => called++);
          } catch (error) {
            thrown = error;
          }
          channel.ack(message);
        });
        await expect.poll(() => thrown).toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED' });
        await channel.waitForConfirms();
        await noneOpen();
        expect(called).toBe(0);
        expect(await channel.get(queue)).toBe(false);
        expect(telemetry.find(`send ${queue}`).attributes['error.type']).toBe('throughline.hops');
      });

      it('is rejected for the dead-letter exchange, and the consumer goes on', async () => {
        const dead = await newQueue('dead');
        const queue = await newQueue('refused', { deadLetterExchange: '', deadLetterRoutingKey: dead });
        const raw = await newChannel();
        const channel = traceChannel(raw, enforce);
        const handled: string[] = [];
        await channel.consume(queue, (message) => {
          if (message === null) return;
          handled.push(message.content.toString());
          channel.ack(message);
        });
        raw.sendToQueue(queue, Buffer.from('deep'), { headers });
        raw.sendToQueue(queue, Buffer.from('fine'));
        await expect.poll(() => handled).toEqual(['fine']);
        expect((await next(raw, dead)).content.toString()).toBe('deep');
        await noneOpen();
        expect(named(`process ${queue}`).map(({ attributes }) => attributes['error.type'])).toEqual([
          'throughline.hops',
          undefined,
        ]);
      });

      it('goes to `onRefused`, which settles it; where that fails it is rejected', async () => {
        const dead = await newQueue('dead');
        const queue = await newQueue('refused', { deadLetterExchange: '', deadLetterRoutingKey: dead });
        const raw = await newChannel();
        const told: string[] = [];
        const channel = traceChannel(raw, {
          ...enforce,
          onRefused: async ({ refused }, { queue: from, message }) => {
            told.push(`${refused} ${from === queue} ${text(message.content)}`);
            if (text(message.content) === 'fails') throw new Error('mine');
            channel.sendToQueue(dead, Buffer.from('instead'), { headers: forwardHeaders(message) });
            channel.ack(message as ConsumeMessage);
          },
        });
        await channel.consume(queue, () => told.push('handled'));
        raw.sendToQueue(queue, Buffer.from('deep'), { headers });
        raw.sendToQueue(queue, Buffer.from('fails'), { headers });
        const letters = [await next(raw, dead), await next(raw, dead)].map(({ content }) => content.toString());
        expect(letters.toSorted()).toEqual(['fails', 'instead']);
        expect(told).toEqual(['hops true deep', 'hops true fails']);
        await noneOpen();
      });

      it('is left out by `get`, which gives the next message', async () => {
        const dead = await newQueue('dead');
        const queue = await newQueue('refused', { deadLetterExchange: '', deadLetterRoutingKey: dead });
        const raw = await newChannel();
        const channel = traceChannel(raw, enforce);
        raw.sendToQueue(queue, Buffer.from('deep'), { headers });
        raw.sendToQueue(queue, Buffer.from('fine'));
        await expect.poll(async () => (await raw.checkQueue(queue)).messageCount).toBe(2);
        const message = await channel.get(queue);
        expect(message && text(message.content)).toBe('fine');
        if (message) channel.ack(message);
        expect((await next(raw, dead)).content.toString()).toBe('deep');
        await noneOpen();
      });
    });

    describe('a connection', () => {
      it('gives channels that are traced, wrapped once', async () => {
        const traced = traceConnection(connection);
        expect(traceConnection(traced)).toBe(traced);
        const queue = await newQueue('connection');
        const channel = await traced.createChannel();
        after(() => channel.close());
        expect(traceChannel(channel)).toBe(channel);
        channel.sendToQueue(queue, body, { reply: true });
        expect((await next(channel, queue)).properties.headers).toHaveProperty('traceparent');
        const confirming = await traced.createConfirmChannel();
        after(() => confirming.close());
        confirming.sendToQueue(queue, body);
        await confirming.waitForConfirms();
        expect(named(`send ${queue}`)).toHaveLength(2);
      });

      it('of the callback API does so too', async () => {
        const queue = await newQueue('callbacks');
        const api = callbackApiOf(name);
        const own = await new Promise<Connection>((resolve, reject) =>
          api.connect(server.url, (error: unknown, model) => (error ? reject(error) : resolve(model))),
        );
        after(() => new Promise((resolve) => own.close(resolve)));
        const traced = traceConnection(own);
        const given = deferred<unknown>();
        const channel = traced.createChannel((_error, opened) => given.resolve(opened));
        expect(await given.promise).toBe(channel);
        channel.sendToQueue(queue, body);
        const message = await new Promise<ConsumeMessage>((resolve) => {
          const chained = channel.consume(queue, (one) => one && resolve(one));
          expect(chained).toBe(channel);
        });
        expect(channel.ack(message)).toBe(channel);
        await noneOpen();
        expect(telemetry.find(`process ${queue}`).parentSpanContext?.spanId).toBe(
          telemetry.find(`send ${queue}`).spanContext().spanId,
        );
        const other = await newQueue('callbacks');
        channel.sendToQueue(other, body);
        const got = await new Promise<unknown>((resolve) => {
          const ask = (): unknown =>
            channel.get(other, {}, (_error, one) => (one === false ? setImmediate(ask) : resolve(one)));
          ask();
        });
        channel.ack(got as ConsumeMessage);
        expect(named(`process ${other}`)).toHaveLength(1);
        await new Promise((resolve) => channel.close(resolve));
        await noneOpen();
      });
    });
  });
}

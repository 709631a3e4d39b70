import * as amqplib from 'amqplib';
import type { ConsumeMessage } from 'amqplib';
import { expect, it } from 'vitest';
import { traceConnection } from '../src/index.ts';
import { inSpan, newQueue, onRabbitmq, openSpans, server, telemetry } from './on-rabbitmq.ts';

const COUNT = 4000;

onRabbitmq('a broker that is killed', amqplib, () => {
  it(
    'loses no message that it confirmed, breaks no trace, and leaves no span open',
    { timeout: 180_000 },
    async (test) => {
      // One of the environment is not ours to kill.
      test.skip(server.pid === undefined, 'the broker is one of the environment');
      const queue = await newQueue('killed');
      const connect = async () => {
        const own = traceConnection(await amqplib.connect(server.url));
        own.on('error', () => {});
        return own;
      };
      const first = await connect();
      const sending = await first.createConfirmChannel();
      const receiving = await first.createChannel();
      for (const channel of [sending, receiving]) channel.on('error', () => {});
      await receiving.prefetch(50);
      const confirmed = new Set<string>();
      const handled = new Map<string, string>();
      const take = (channel: amqplib.Channel) => (message: ConsumeMessage | null) => {
        if (message === null) return;
        const { traceparent } = message.properties.headers ?? {};
        handled.set(String(message.properties.messageId), String(traceparent));
        setImmediate(() => {
          try {
            channel.ack(message);
          } catch {
            // The channel is gone: the message comes again.
          }
        });
      };
      await receiving.consume(queue, take(receiving));
      const closed = new Promise((resolve) => sending.once('close', resolve));
      let failed = 0;
      const send = (id: string): void =>
        inSpan('work', () => {
          sending.sendToQueue(queue, Buffer.from(id), { messageId: id, persistent: true }, (error: unknown) =>
            error === null ? confirmed.add(id) : failed++,
          );
        });
      for (let at = 0; at < COUNT / 2; at++) send(String(at));
      await expect.poll(() => confirmed.size).toBeGreaterThan(100);
      for (let at = COUNT / 2; at < COUNT; at++) send(String(at));
      await server.kill();
      await closed;
      // What of it waits for an answer of the broker is over.
      await expect.poll(() => openSpans.named()).toEqual([]);
      expect(confirmed.size + failed).toBe(COUNT);
      await server.restart();
      const second = await connect();
      const again = await second.createChannel();
      await again.consume(queue, take(again));
      await expect.poll(() => [...confirmed].filter((id) => !handled.has(id)), { timeout: 60_000 }).toEqual([]);
      await second.close();
      await expect.poll(() => openSpans.named()).toEqual([]);
      const sends = new Set(
        telemetry
          .spans()
          .filter(({ name }) => name === `send ${queue}`)
          .map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`),
      );
      expect(sends.size).toBe(COUNT);
      expect([...handled.values()].filter((traceparent) => !sends.has(traceparent))).toEqual([]);
    },
  );
});

/** The server is killed under load and comes back: nothing is lost that the client does not lose bare, and no span stays open. */
import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { trace } from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { traceJetStream, traceNats } from '../src/index.ts';
import { activeTrace, inSpan, named, newSubject, onNats, open, openSpans, server } from './on-nats.ts';

const MESSAGES = 20_000;
const traceOf = (text: string | undefined): string | undefined => text?.split('-')[1];

onNats('a server that is killed', () => {
  it('under 20,000 messages of JetStream: every message that was acknowledged is handled, each in its trace', async () => {
    const connection = await connect({
      servers: server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ignoreAuthErrorAbort: true,
    });
    open.push(connection);
    const js = traceJetStream(jetstream(traceNats(connection), { timeout: 2_000 }));
    const manager = await jetstreamManager(connection);
    const subject = newSubject('load');
    const stream = subject.toUpperCase();
    await manager.streams.add({ name: stream, subjects: [subject] });
    await manager.consumers.add(stream, {
      durable_name: 'all',
      ack_policy: AckPolicy.Explicit,
      ack_wait: 5e9,
      max_ack_pending: -1,
    });
    const acknowledged = new Set<string>();
    const handled = new Set<string>();
    let wrong = 0;
    let failed = 0;
    const publishing = (async () => {
      let nth = 0;
      const worker = async (): Promise<void> => {
        while (nth < MESSAGES) {
          const text = String(nth++);
          // As long as nobody took it: with its id the stream takes it once.
          for (;;) {
            try {
              await js.publish(subject, text, { msgID: text });
              acknowledged.add(text);
              break;
            } catch {
              failed++;
              await delay(50);
            }
          }
        }
      };
      await Promise.all(Array.from({ length: 100 }, worker));
    })();
    const consumer = await js.consumers.get(stream, 'all');
    const messages = await consumer.consume({ max_messages: 500, idle_heartbeat: 1_000, expires: 5_000 });
    const consuming = (async () => {
      for await (const message of messages) {
        if (activeTrace() !== traceOf(message.headers?.get('traceparent'))) wrong++;
        if (handled.size % 100 === 0) await delay(1);
        handled.add(message.string());
        message.ack();
        if (handled.size === MESSAGES) break;
      }
    })();
    await expect.poll(() => handled.size, { timeout: 60_000 }).toBeGreaterThan(MESSAGES / 5);
    await server.kill();
    await delay(200);
    await server.restart();
    await publishing;
    await expect.poll(() => handled.size, { timeout: 80_000, interval: 200 }).toBe(MESSAGES);
    await consuming;
    expect(wrong).toBe(0);
    expect(acknowledged.size).toBe(MESSAGES);
    const sends = named(`send ${subject}`);
    expect(sends).toHaveLength(MESSAGES + failed);
    expect(sends.filter(({ attributes }) => attributes['error.type'] !== undefined)).toHaveLength(failed);
    const traces = new Set(sends.map((span) => span.spanContext().traceId));
    const processed = named(`process ${stream}`);
    expect(processed.length).toBeGreaterThanOrEqual(MESSAGES);
    expect(processed.every((span) => traces.has(span.spanContext().traceId))).toBe(true);
    expect(openSpans.named()).toEqual([]);
  }, 240_000);

  it('in the middle of requests: each ends, well or with an error, and the subscription goes on', async () => {
    const raw = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    open.push(raw);
    const connection = traceNats(raw);
    const subject = newSubject('asked');
    connection.subscribe(subject, {
      callback: (_, message) => {
        message.respond(activeTrace() ?? '');
      },
    });
    let right = 0;
    let wrong = 0;
    let failed = 0;
    const stopping = new AbortController();
    const ask = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        await trace.getTracer('test').startActiveSpan('caller', { root: true }, async (span) => {
          try {
            const answer = await connection.request(subject, 'x', { timeout: 500 });
            if (answer.string() === activeTrace()) right++;
            else wrong++;
          } catch {
            failed++;
            await delay(20);
          }
          span.end();
        });
      }
    };
    const asking = Array.from({ length: 20 }, ask);
    await expect.poll(() => right, { timeout: 60_000 }).toBeGreaterThan(500);
    await server.kill();
    await expect.poll(() => failed, { timeout: 60_000 }).toBeGreaterThan(10);
    await server.restart();
    const before = right;
    await expect.poll(() => right, { timeout: 60_000 }).toBeGreaterThan(before + 500);
    stopping.abort();
    await Promise.all(asking);
    expect(wrong).toBe(0);
    const requests = named(`request ${subject}`);
    expect(requests).toHaveLength(right + failed);
    expect(requests.filter(({ attributes }) => attributes['error.type'] !== undefined)).toHaveLength(failed);
  }, 240_000);

  it('for good: calls fail as they do bare, and what is open ends', async () => {
    const raw = await connect({ servers: server.url, maxReconnectAttempts: 1, reconnectTimeWait: 50 });
    const connection = traceNats(raw);
    const subject = newSubject();
    const loop = (async () => {
      for await (const _ of connection.subscribe(subject)) await raw.closed();
    })();
    await inSpan('caller', async () => connection.publish(subject, 'x'));
    await expect.poll(() => openSpans.named('process')).toHaveLength(1);
    await server.kill();
    await raw.closed();
    await loop;
    expect(() => connection.publish(subject, 'x')).toThrow(/closed/);
    await expect.poll(() => openSpans.named()).toEqual([]);
    await server.restart();
  }, 120_000);
});

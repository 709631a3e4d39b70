import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import * as amqplib from 'amqplib';
import { describe, expect, it } from 'vitest';
import { extractContext, injectHeaders, runWith, traceChannel, traceConnection, tracedConsumer } from '../src/index.ts';
import type { ChannelOptions } from '../src/index.ts';
import { inSpan, named, newChannel, newQueue, next, onRabbitmq, openSpans, server, telemetry } from './on-rabbitmq.ts';

const run = promisify(execFile);
const body = Buffer.from('x');

function urlParts(url: string): amqplib.Options.Connect {
  const { hostname, port } = new URL(url);
  return { hostname, port: Number(port) };
}
const incoming = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

onRabbitmq('a channel at a boundary', amqplib, () => {
  describe('beside OpenTelemetry’s amqplib instrumentation', () => {
    it('there is one span a hop, and one traceparent', async () => {
      const script = fileURLToPath(new URL('beside-instrumentation.ts', import.meta.url));
      const { stdout } = await run(process.execPath, [script, server.url]);
      const ours = {
        spans: ['@throughline/amqplib: process queue', '@throughline/amqplib: send queue'],
        traceparents: 1,
      };
      const theirs = '@opentelemetry/instrumentation-amqplib';
      expect(JSON.parse(stdout)).toEqual({
        plain: ours,
        confirming: ours,
        // Around a handler of a channel that is not wrapped nothing keeps it away.
        handler: { ...ours, spans: [`${theirs}: queue process`, ...ours.spans] },
        instrumented: { spans: [`${theirs}: publish <default>`, `${theirs}: queue process`], traceparents: 1 },
      });
    });
  });

  it('opens nothing under suppressed tracing', async () => {
    const queue = await newQueue('suppressed');
    const channel = traceChannel(await newChannel());
    context.with(suppressTracing(ROOT_CONTEXT), () => channel.sendToQueue(queue, body));
    expect((await next(channel, queue)).properties.headers).toEqual({});
    expect(named(`send ${queue}`)).toEqual([]);
  });

  it('does what the policies say', async () => {
    const queue = await newQueue('policy');
    const raw = await newChannel();
    const targets: unknown[] = [];
    const channel = traceChannel(raw, {
      inbound: 'restart-with-link',
      outbound: (target) => {
        targets.push([target.transport, target.channel, target.name]);
        return 'suppress';
      },
    });
    inSpan('work', () => channel.sendToQueue(queue, body, { headers: { ...incoming, mine: 1 } }));
    const { properties } = await next(raw, queue);
    expect(properties.headers).toEqual({ mine: 1 });
    expect(targets).toEqual([['rabbitmq', 'broker', queue]]);
    raw.sendToQueue(queue, body, { headers: incoming });
    let message = await channel.get(queue);
    while (message === false) message = await channel.get(queue);
    channel.ack(message);
    const process = telemetry.find(`process ${queue}`);
    expect(process.parentSpanContext).toBeUndefined();
    expect(process.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
  });

  it('restarts the trace of what is older than `maxParentAge`, in seconds or milliseconds', async () => {
    const queue = await newQueue('old');
    const raw = await newChannel();
    const channel = traceChannel(raw, { maxParentAge: 60_000 });
    const now = Date.now();
    const stamps = [now - 120_000, Math.floor(now / 1000) - 120, now, Math.floor(now / 1000), 1];
    for (const timestamp of stamps) raw.sendToQueue(queue, body, { timestamp, headers: incoming });
    const parents: unknown[] = [];
    for (const _ of stamps) {
      let message = await channel.get(queue);
      while (message === false) message = await channel.get(queue);
      channel.ack(message);
      parents.push(telemetry.spans().at(-1)?.parentSpanContext?.spanId);
    }
    const parent = 'b7ad6b7169203331';
    expect(parents).toEqual([undefined, undefined, parent, parent, parent]);
  });

  it('replaces a context that is forwarded, and links it; with no span active it stays', async () => {
    const queue = await newQueue('forwarded');
    const channel = traceChannel(await newChannel());
    const options = { headers: { TraceParent: incoming.traceparent, baggage: 'a=1', mine: 1 } };
    inSpan('work', () => channel.sendToQueue(queue, body, options));
    const replaced = await next(channel, queue);
    const send = telemetry.find(`send ${queue}`);
    expect(Object.keys(replaced.properties.headers ?? {}).toSorted()).toEqual(['baggage', 'mine', 'traceparent']);
    expect(replaced.properties.headers?.['baggage']).toMatch(/^throughline\.lineage=[^,]*$/);
    expect(send.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
    await telemetry.reset();
    channel.sendToQueue(queue, body, { headers: incoming });
    expect((await next(channel, queue)).properties.headers).toEqual(incoming);
    expect(telemetry.find(`send ${queue}`).parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  it('leaves baggage behind where the frame has no room for it, and never the connection', async () => {
    const own = await amqplib.connect({ ...urlParts(server.url), frameMax: 4096 });
    const channel = traceChannel(await own.createConfirmChannel());
    const queue = await newQueue('room');
    const big = propagation.createBaggage({ big: { value: 'x'.repeat(5000) } });
    const send = (mine: string): void =>
      context.with(propagation.setBaggage(context.active(), big), () =>
        inSpan('work', () => void channel.sendToQueue(queue, body, { headers: { mine } })),
      );
    send('1');
    send('é'.repeat(1980));
    await channel.waitForConfirms();
    const [first, second] = [await next(channel, queue), await next(channel, queue)];
    expect(Object.keys(first.properties.headers ?? {})).toEqual(['mine', 'traceparent']);
    expect(Object.keys(second.properties.headers ?? {})).toEqual(['mine']);
    await own.close();
  });

  it('writes and reads headers without a wrapper', async () => {
    const raw = await newChannel();
    const queue = await newQueue('carrier');
    inSpan('work', () => raw.sendToQueue(queue, body, { headers: injectHeaders({ mine: 1 }) }));
    raw.sendToQueue(queue, body, { headers: { traceparent: Buffer.from(incoming.traceparent) } });
    const first = await next(raw, queue);
    expect(first.properties.headers).toMatchObject({ mine: 1 });
    const { traceId } = telemetry.find('work').spanContext();
    expect(trace.getSpanContext(extractContext(first))?.traceId).toBe(traceId);
    const second = await next(raw, queue);
    expect(runWith(second, () => trace.getActiveSpan()?.spanContext().spanId)).toBe('b7ad6b7169203331');
    expect(extractContext(null)).toBeDefined();
  });

  it('handles with `tracedConsumer` what a channel that is not wrapped consumes', async () => {
    const raw = await newChannel();
    const queue = await newQueue('handler');
    raw.sendToQueue(queue, body, { headers: incoming });
    await new Promise<void>((resolve) => {
      void raw.consume(
        queue,
        tracedConsumer((message: amqplib.ConsumeMessage | null) => {
          if (message === null) return;
          raw.ack(message);
          resolve();
        }),
      );
    });
    await expect.poll(() => openSpans.named()).toEqual([]);
    expect(telemetry.find(`process ${queue}`).parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });
});

describe('what is wrong', () => {
  it('is told at construction, with the fix', () => {
    const channel = { publish() {}, sendToQueue() {}, consume() {} };
    const wrong: [ChannelOptions, RegExp][] = [
      [{ maxParentAge: -1 }, /`maxParentAge` takes/],
      [{ handlerTimeout: 0 }, /`handlerTimeout` takes/],
      [{ onRefused: 'drop' as never }, /`onRefused` takes/],
      [{ suppressInner: 'yes' as never }, /`suppressInner` takes/],
      [{ clientId: '' }, /`clientId` takes/],
      [{ handlerTimout: 5 } as never, /handlerTimeout/],
    ];
    for (const [options, message] of wrong) {
      expect(() => traceChannel(channel, options)).toThrow(message);
      expect(() => traceConnection({ createChannel() {}, createConfirmChannel() {} }, options)).toThrow(message);
    }
    expect(() => traceChannel(undefined as never)).toThrow(/takes a channel/);
    expect(() => traceConnection({} as never)).toThrow(/takes a connection/);
    expect(() => tracedConsumer('x' as never)).toThrow(/takes the function/);
    expect(() => tracedConsumer(() => {}, { queue: 7 as never })).toThrow(/`queue` takes a name/);
    expect(() => tracedConsumer(() => {}, { lineage: { mode: 'enforce' } })).toThrow(/onRefused/);
  });
});

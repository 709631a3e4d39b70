import { context, SpanKind } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { hopSettings, messageHeaders, runInbound, runOutbound, writeRecord } from '@throughline/core/adapter';
import { sameType, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import type { Handler, Queue, QueueMessage } from './queue.ts';

const transport = 'own-queue';
const scope = { name: 'trace-queue', version: '1.0.0' };

/** Returns a queue of the same type that sends trace context with every message, and handles each message in its trace. */
export function traceQueue<Q extends Queue>(queue: Q, options?: HopOptions): Q {
  const settings = hopSettings(options, scope);
  if (wrapped(queue)) {
    warnIfRewrapped(queue, settings);
    return queue;
  }
  const hopOf = (topic: string, { headers }: QueueMessage) => ({
    transport,
    attributes: { 'messaging.system': transport, 'messaging.destination.name': topic },
    carrier: headers,
    reader: messageHeaders,
  });

  const push = (topic: string, message: QueueMessage): Promise<void> =>
    runOutbound(
      {
        ...hopOf(topic, message),
        name: `send ${topic}`,
        kind: SpanKind.PRODUCER,
        target: { transport, channel: 'broker', name: topic },
      },
      settings,
      {
        call(sending) {
          // A copy: what the caller handed over stays as it is.
          const copy = { ...message, headers: writeRecord(message.headers, sending) };
          return context.with(sending.inner, () => queue.push(topic, copy));
        },
        // As the queue itself fails: by a promise.
        refused: ({ error }) => Promise.reject(error),
      },
    );

  const subscribe = (topic: string, handler: Handler): Promise<void> =>
    queue.subscribe(topic, (message) =>
      runInbound({ ...hopOf(topic, message), name: `process ${topic}`, kind: SpanKind.CONSUMER }, settings, {
        work: () => handler(message),
      }),
    );

  return sameType(queue, { push, subscribe }, settings);
}

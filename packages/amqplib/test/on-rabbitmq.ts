import { createRequire } from 'node:module';
import { trace } from '@opentelemetry/api';
import { serverAvailability, startRabbitmq } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import type * as Amqplib from 'amqplib';
import type { Channel, ChannelModel, ConfirmChannel, GetMessage } from 'amqplib';
import type * as CallbackApi from 'amqplib/callback_api';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { OpenSpans } from './open-spans.ts';

const available = await serverAvailability('rabbitmq');
const require = createRequire(import.meta.url);

/** The majors of amqplib that the peer range names. */
export const majors = [
  ['0.10', 'amqplib0'],
  ['1', 'amqplib1'],
  ['2', 'amqplib'],
] as const;

export type Peer = typeof Amqplib;
export const peerOf = (name: string): Peer => require(name) as Peer;
export const callbackApiOf = (name: string): typeof CallbackApi =>
  require(`${name}/callback_api`) as typeof CallbackApi;

// What the tests of a suite have while it runs.
export let server: RunningServer;
export let telemetry: Telemetry;
export let connection: ChannelModel;
export const openSpans: OpenSpans = new OpenSpans();

/** Declares a suite that has a real RabbitMQ, and a connection of one version of amqplib, and is skipped by name where there is none. */
export function onRabbitmq(name: string, peer: Peer, tests: () => void): void {
  describe.skipIf(available.missing)(`${name}${available.note}`, () => {
    beforeAll(async () => {
      telemetry = startTelemetry({ spanProcessors: [openSpans] });
      server = await startRabbitmq({ onProgress: () => {} });
      connection = await peer.connect(server.url);
      connection.on('error', () => {});
    });
    beforeEach(() => telemetry.reset());
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });
    afterAll(async () => {
      await connection?.close().catch(() => {});
      await server?.stop();
      await telemetry.shutdown();
    });
    tests();
  });
}

const closing: (() => Promise<unknown>)[] = [];

/** Has `close` run after the test, whatever becomes of it. */
export function after(close: () => Promise<unknown>): void {
  closing.push(() => close().catch(() => {}));
}

export async function newChannel(): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  after(() => channel.close());
  return channel;
}

export async function newConfirmChannel(): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  after(() => channel.close());
  return channel;
}

let queues = 0;
export const newName = (name: string): string => `${name}-${process.pid}-${queues++}`;

/** A durable queue of its own. */
export async function newQueue(name: string, options?: Amqplib.Options.AssertQueue): Promise<string> {
  const queue = newName(name);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, options);
  await channel.close();
  return queue;
}

/** The next message of a queue, taken without an acknowledgement. */
export async function next(channel: Channel, queue: string): Promise<GetMessage> {
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message !== false) return message;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs `fn` in a span of the caller's. */
export function inSpan<T>(name: string, fn: () => T): T {
  return trace.getTracer('test').startActiveSpan(name, (span) => {
    try {
      return fn();
    } finally {
      span.end();
    }
  });
}

/** The finished spans of a name. */
export function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

/** A promise, and what settles it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

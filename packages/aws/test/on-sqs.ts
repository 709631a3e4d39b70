import { setTimeout } from 'node:timers/promises';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { CreateQueueCommandInput, Message } from '@aws-sdk/client-sqs';
import { serverAvailability, startSqs } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';

const available = await serverAvailability('sqs');

// What the tests of a suite have while it runs.
export let server: RunningServer;
export let telemetry: Telemetry;
/** A client of the server that is not traced. */
export let plain: SQSClient;

/** Declares a suite that has a real ElasticMQ to itself, and is skipped by name where there is none. */
export function onSqs(name: string, tests: () => void): void {
  describe.skipIf(available.missing)(`${name}${available.note}`, () => {
    beforeAll(async () => {
      telemetry = startTelemetry();
      server = await startSqs();
      plain = newClient(server.url);
    });
    beforeEach(() => telemetry.reset());
    afterAll(async () => {
      plain?.destroy();
      await server?.stop();
      await telemetry?.shutdown();
    });
    tests();
  });
}

/** Returns a client of a server on loopback, with credentials that are none. */
export function newClient(endpoint: string): SQSClient {
  return new SQSClient({
    endpoint,
    region: 'elasticmq',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
}

let queues = 0;

/** Makes a queue, and returns its URL. */
export async function newQueue(name = 'queue', attributes?: CreateQueueCommandInput['Attributes']): Promise<string> {
  const input = { QueueName: `${name}-${process.pid}-${queues++}`, Attributes: attributes };
  return (await plain.send(new CreateQueueCommand(input))).QueueUrl as string;
}

/**
 * Returns at most 10 messages of a queue, with all that they hold; none if it has none now. This is no long poll: of a message that
 * comes as a long poll ends, ElasticMQ now and then tells nobody, and hides it until its visibility timeout is over.
 */
export async function receive(QueueUrl: string): Promise<Message[]> {
  const poll = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: 0,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All'],
  });
  const { Messages } = await plain.send(poll);
  if (Messages === undefined) await setTimeout(10);
  return Messages ?? [];
}

/** Returns so many messages of a queue, with all that they hold. */
export async function received(QueueUrl: string, count = 1): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) messages.push(...(await receive(QueueUrl)));
  return messages;
}

/** Runs `fn` in a span of the caller's. */
export async function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, (span) => fn().finally(() => span.end()));
}

/** The finished spans of a name. */
export function named(name: string): ReadableSpan[] {
  return telemetry.spans().filter((span) => span.name === name);
}

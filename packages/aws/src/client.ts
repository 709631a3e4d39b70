import { ThroughlineError } from '@throughline/core';
import { markWrapped, sameType, warnIfRewrapped, warnOnce, wrapped } from '@throughline/core/adapter';
import { settle } from '@throughline/core/messaging';
import { operationOf } from './operation.ts';
import type { CommandLike } from './operation.ts';
import { awsSettings } from './options.ts';
import type { AwsOptions, AwsSettings } from './options.ts';
import { receiving } from './receive.ts';
import { sendEntries, settled } from './send.ts';
import type { Entries } from './send.ts';
import { queueName, topicName } from './systems.ts';

/** The part of a client of the AWS SDK that is wrapped. */
export interface ClientLike {
  send(command: never, ...rest: never[]): unknown;
}

/**
 * Returns a client of the same type, of SQS, SNS or EventBridge, whose sends open a PRODUCER span and carry its context in every message.
 * `ReceiveMessage` asks for what the senders wrote; deletes and changes of visibility are `settle` spans. Other commands pass as they are,
 * and so do those of other clients. The client that is given, and every command, stay as they are. Throws a `ThroughlineError` for a
 * wrong option.
 *
 * @example
 * ```ts
 * const sqs = traceAws(new SQSClient({}), { agent: 'planner' });
 * await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'one' }));
 * ```
 */
export function traceAws<C extends ClientLike>(client: C, options?: AwsOptions): C {
  const settings = awsSettings(options);
  if (typeof client !== 'object' || client === null || typeof client.send !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceAws` takes a client of the AWS SDK 3, such as `new SQSClient({})`.',
    );
  }
  // A copy of a wrapped client has lost the mark, its `send` has not.
  if (wrapped(client) || wrapped(client.send)) {
    warnIfRewrapped(wrapped(client) ? client : client.send, settings.hop);
    return client;
  }
  const target = client as unknown as Target;
  const send = markWrapped((...args: unknown[]): unknown => traced(target, args, settings), settings.hop);
  return sameType(client, { send }, settings.hop);
}

/** A client, whose commands are of any kind. */
export interface Target {
  send(...args: unknown[]): unknown;
}

type Callback = (error: unknown, data?: unknown) => unknown;

function traced(target: Target, args: unknown[], settings: AwsSettings): unknown {
  const [command, second, third] = args;
  const operation = operationOf(command, target);
  const run = operation === undefined ? undefined : runOf(operation, command as CommandLike, settings);
  if (run === undefined) return target.send(...args);
  const callback = [second, third].find((one) => typeof one === 'function') as Callback | undefined;
  if (callback === undefined) return run(target, args.slice(1));
  // As the SDK itself makes one of the other, in the caller's context.
  void Promise.resolve(run(target, typeof second === 'function' ? [] : [second]))
    .then(
      (data) => callback(null, data),
      (error: unknown) => callback(error),
    )
    .catch(() => {});
  return undefined;
}

/** Makes a command's call; `rest` is what the client is given beside the command. */
type Run = (target: Target, rest: unknown[]) => unknown;

// By its input too: other services have operations of the same name.
function runOf(operation: string, command: CommandLike, settings: AwsSettings): Run | undefined {
  const { input } = command;
  const { QueueUrl: queue } = input;
  switch (operation) {
    case 'SendMessage':
      return typeof queue === 'string'
        ? sendRun(command, queueOf(command, [input], undefined), settings, 'sqs')
        : undefined;
    case 'SendMessageBatch':
      return typeof queue === 'string' && Array.isArray(input['Entries'])
        ? sendRun(command, queueOf(command, input['Entries'], 'Entries'), settings, 'sqs')
        : undefined;
    case 'Publish':
      return typeof (input['TopicArn'] ?? input['TargetArn'] ?? input['PhoneNumber']) === 'string'
        ? sendRun(command, topicOf(command, [input], undefined), settings, 'sns')
        : undefined;
    case 'PublishBatch':
      return typeof input['TopicArn'] === 'string' && Array.isArray(input['PublishBatchRequestEntries'])
        ? sendRun(
            command,
            topicOf(command, input['PublishBatchRequestEntries'], 'PublishBatchRequestEntries'),
            settings,
            'sns',
          )
        : undefined;
    case 'PutEvents':
      if (!Array.isArray(input['Entries'])) return undefined;
      if (settings.eventDetail === undefined) {
        warnOnce(
          'aws-event-detail',
          'events of EventBridge carry no trace context, because they have no headers: `eventDetail: true` puts it into their detail, and `false` leaves it out without this warning.',
        );
      }
      return sendRun(
        command,
        { entries: input['Entries'], member: 'Entries', topicOf: detailType },
        settings,
        'events',
      );
    case 'ReceiveMessage':
      return (target, rest) => target.send(receiving(command, settings), ...rest);
    default:
      return typeof queue === 'string' ? settleRun(command, queueName(queue), settings) : undefined;
  }
}

function queueOf({ input }: CommandLike, entries: unknown[], member: string | undefined): Entries {
  const name = queueName(input['QueueUrl'] as string);
  return { entries, member, topicOf: () => name, place: { QueueUrl: input['QueueUrl'] } };
}

function topicOf({ input }: CommandLike, entries: unknown[], member: string | undefined): Entries {
  const arn = input['TopicArn'] ?? input['TargetArn'];
  const name = topicName(arn);
  return { entries, member, topicOf: () => name, place: { TopicArn: input['TopicArn'] } };
}

// What both ends of an event know: which bus it went over its receiver is not told.
function detailType(entry: unknown): string {
  const type = (entry as { DetailType?: unknown } | null | undefined)?.DetailType;
  return typeof type === 'string' && type !== '' ? type : 'event';
}

function sendRun(
  command: CommandLike,
  entries: Entries,
  settings: AwsSettings,
  service: 'sqs' | 'sns' | 'events',
): Run {
  return (target, rest) =>
    sendEntries(command, entries, settings[service], settings, {
      call: (written) => target.send(written, ...rest),
      method: target.send,
    });
}

function settleRun(command: CommandLike, queue: string, settings: AwsSettings): Run {
  const sender = settings.sqs.sender(Infinity);
  return (target, rest) =>
    settle(queue, undefined, sender, () => target.send(command, ...rest), sender.suppresses(target.send), settled);
}

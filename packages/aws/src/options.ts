import { checkBoolean, checkWhole, hopSettings, isPatched, optionError, remembering } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { receiverSettings, senderSettings } from '@throughline/core/messaging';
import type {
  MessageShape,
  MessagingSystem,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
} from '@throughline/core/messaging';
import { detailShape } from './detail.ts';
import { attributeShape } from './shape.ts';
import { receivedMessage } from './message.ts';
import type { MessageLike } from './message.ts';
import { eventBridge, queueName, sns, sqs } from './systems.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/aws', version: '0.0.0' } as const;

/** The options of {@link traceAws}. */
export interface AwsOptions extends Omit<SenderOptions, 'clientId' | 'recordKey'> {
  /**
   * Whether `PutEvents` writes the fields into the `Detail` of each event that is a JSON object, as its member `_trace`: an event has
   * no other place that reaches its targets. Default `false`: a receiver may refuse members that it does not know.
   */
  readonly eventDetail?: boolean | undefined;
  /** What is sent are answers, which are not a step deeper in the chain of agents. Default `false`. */
  readonly reply?: boolean | undefined;
  /**
   * The most bytes that your queues and topics take, where that is less than what AWS takes (256 KiB, or 1 MiB): fields that would bring a
   * message past it are left out. Default: the limits of AWS.
   */
  readonly maxMessageBytes?: number | undefined;
  /** Whether `ReceiveMessage` also asks for `AWSTraceHeader`, X-Ray's context, which counts where there is no other. Default `true`. */
  readonly xray?: boolean | undefined;
}

const OWN: Readonly<Record<Exclude<keyof AwsOptions, keyof SenderOptions>, true>> = {
  eventDetail: true,
  reply: true,
  maxMessageBytes: true,
  xray: true,
};

/** The options of {@link tracedMessageHandler} and {@link tracedBatchHandler}. */
export interface HandlerOptions extends Omit<ReceiverOptions<MessageLike>, 'groupId' | 'clientId' | 'recordKey'> {
  /** The URL, the ARN or the name of the queue that the messages are from: a message does not say it. */
  readonly queue: string;
  /** Whether X-Ray's context counts where a message has no other. Default `true`. */
  readonly xray?: boolean | undefined;
}

/** The options of {@link injectAttributes}. */
export interface InjectOptions extends HopOptions {
  /** The name of the queue or topic that the message goes to, for an outbound policy that asks. */
  readonly queue?: string | undefined;
}

/** How one service is sent to. */
export interface Service {
  /** Returns a sender for messages whose fields may take so many bytes each. */
  sender(slack: number): Sender;
}

/** A client's options, checked. */
export interface AwsSettings {
  readonly hop: HopSettings;
  readonly sqs: Service;
  readonly sns: Service;
  readonly events: Service;
  readonly eventDetail: boolean | undefined;
  readonly reply: boolean;
  readonly maxMessageBytes: number | undefined;
  readonly xray: boolean;
}

/** Returns the settings of one wrapped client. Throws a `ThroughlineError` for a wrong option. */
export function awsSettings(options: AwsOptions | undefined): AwsSettings {
  const queue = sending(options, sqs, attributeShape);
  const { eventDetail, reply, maxMessageBytes, xray } = options ?? {};
  checkBoolean('eventDetail', eventDetail);
  checkBoolean('reply', reply);
  checkWhole('maxMessageBytes', maxMessageBytes, 1);
  checkBoolean('xray', xray);
  return {
    hop: queue.sender(Infinity).hop,
    sqs: queue,
    sns: sending(options, sns, attributeShape),
    events: sending(options, eventBridge, (slack) => detailShape(slack, eventDetail === true)),
    eventDetail,
    reply: reply ?? false,
    maxMessageBytes,
    xray: xray ?? true,
  };
}

function sending(
  options: AwsOptions | undefined,
  system: MessagingSystem,
  shape: (slack: number) => MessageShape,
): Service {
  const sender = senderSettings(
    options,
    { scope, system, errorType: noType, shape: shape(Infinity), places: () => [], suppresses: isPatched },
    Object.keys(OWN),
  );
  return { sender: (slack) => (slack === Infinity ? sender : { ...sender, shape: shape(slack) }) };
}

// The errors of AWS have telling names, which core takes.
const noType = (): undefined => undefined;

/** Returns the settings of one wrapped handler. Throws a `ThroughlineError` for a wrong option. */
export function handlerSettings(options: HandlerOptions): Receiver<MessageLike> {
  const { queue, xray } = (options ?? {}) as Partial<HandlerOptions>;
  if (typeof queue !== 'string' || queue === '') {
    throw optionError('queue', 'the URL, the ARN or the name of the queue that the messages are from', queue);
  }
  checkBoolean('xray', xray);
  return messageReceiver(options, sqs, () => queueName(queue), xray ?? true);
}

/** Returns what receives the messages of one system. */
export function messageReceiver<P extends object>(
  options: Omit<ReceiverOptions<P>, 'groupId' | 'clientId' | 'recordKey'> | undefined,
  system: MessagingSystem,
  topicOf: (message: P) => string,
  xray: boolean,
): Receiver<P> {
  return receiverSettings(options, {
    scope,
    system,
    errorType: noType,
    messageOf: (message) => receivedMessage(message, topicOf(message), xray),
  });
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  hopSettings(options, scope, ['queue']),
);

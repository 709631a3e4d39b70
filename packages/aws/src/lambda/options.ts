import { checkBoolean, checkFunction, checkMilliseconds, optionError } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { httpServerSettings, urlRedaction } from '@throughline/core/http';
import type { HttpServerOptions, UrlRedaction } from '@throughline/core/http';
import type { ReceivedMessage, Receiver, ReceiverOptions } from '@throughline/core/messaging';
import { eventBridge, queueName, sns, sqs, topicName } from '../systems.ts';
import { messageReceiver, scope } from '../options.ts';
import { detailHeaders } from '../message.ts';
import type { MessageLike } from '../message.ts';
import { flusher } from './flush.ts';
import type { Flush, FlushWithin } from './flush.ts';
import type { Loose } from './event.ts';

/** A record of an event of SQS or SNS, or an event of EventBridge: annotate it with its type of `@types/aws-lambda`. */
export interface LambdaRecord extends MessageLike {
  readonly eventSourceARN?: string | undefined;
}

/** The options of {@link traceLambda}. */
export interface LambdaOptions
  extends
    Omit<HttpServerOptions<never>, 'serverTiming'>,
    Pick<ReceiverOptions<LambdaRecord>, 'maxParentAge' | 'onRefused'> {
  /**
   * Whether the event source mapping reports batch item failures (`ReportBatchItemFailures`): a record of SQS whose chain is past a
   * limit is then one of them, and the others are handled. Default `false`: the invocation fails.
   */
  readonly batchItemFailures?: boolean | undefined;
  /**
   * Exports what has ended, before the function answers and is frozen; `false` where something else does. Default: `forceFlush` of the
   * tracer and meter providers.
   */
  readonly flush?: Flush | false | undefined;
  /** Milliseconds that an answer waits for `flush` at the most, and never longer than the function has left. Default 2000. */
  readonly flushTimeout?: number | undefined;
  /** Whether X-Ray's context counts where there is no other, if it is sampled. Default `true`. */
  readonly xray?: boolean | undefined;
}

const OWN: readonly string[] = ['batchItemFailures', 'flush', 'flushTimeout', 'xray', 'maxParentAge', 'onRefused'];

/** A handler's options, checked. */
export interface LambdaSettings {
  readonly hop: HopSettings;
  readonly options: LambdaOptions;
  readonly redact: UrlRedaction;
  readonly sqs: Receiver<LambdaRecord>;
  readonly sns: Receiver<LambdaRecord>;
  readonly events: Receiver<LambdaRecord>;
  readonly flush: FlushWithin;
  /** Whether an answer waits for `flush`. */
  readonly flushes: boolean;
  readonly flushTimeout: number;
  readonly xray: boolean;
  readonly batchItemFailures: boolean;
}

/** Returns the settings of one wrapped handler. Throws a `ThroughlineError` for a wrong option. */
export function lambdaSettings(options: LambdaOptions | undefined): LambdaSettings {
  const hop = httpServerSettings(options, scope, OWN);
  const { batchItemFailures, flush, flushTimeout, xray } = options ?? {};
  checkBoolean('batchItemFailures', batchItemFailures);
  if (flush !== false && flush !== undefined && typeof flush !== 'function') {
    throw optionError('flush', 'a function that returns a promise, or false', flush);
  }
  checkMilliseconds('flushTimeout', flushTimeout, '2_000');
  checkBoolean('xray', xray);
  checkFunction('onRefused', options?.onRefused, 'a function of the record');
  const readsXray = xray ?? true;
  return {
    hop,
    options: options ?? {},
    redact: urlRedaction(options?.redactQueryKeys),
    sqs: messageReceiver<LambdaRecord>(options, sqs, (record) => queueName(String(record.eventSourceARN)), readsXray),
    sns: messageReceiver<LambdaRecord>(
      options,
      sns,
      ({ Sns: published }) => topicName((published as Loose | undefined)?.['TopicArn']),
      readsXray,
    ),
    events: { ...messageReceiver<LambdaRecord>(options, eventBridge, detailType, false), messageOf: receivedEvent },
    flush: flusher(flush, options),
    flushes: flush !== false,
    flushTimeout: flushTimeout ?? 2000,
    xray: readsXray,
    batchItemFailures: batchItemFailures ?? false,
  };
}

function detailType(event: object): string {
  return String((event as { 'detail-type'?: unknown })['detail-type']);
}

/** Returns an event of EventBridge as a message. */
function receivedEvent(event: object): ReceivedMessage {
  const { time, id } = event as { time?: unknown; id?: unknown };
  return {
    topic: detailType(event),
    timestamp: Date.parse(String(time)),
    headers: detailHeaders(event),
    message: { MessageId: id },
  };
}

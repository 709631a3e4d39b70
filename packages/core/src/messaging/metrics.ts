import type { Attributes, Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '../conventions.ts';
import { lazyInstruments } from '../telemetry/instruments.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import {
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  DURATION_BOUNDARIES,
  METRIC_CONSUMED_MESSAGES,
  METRIC_OPERATION_DURATION,
  METRIC_PROCESS_DURATION,
  METRIC_SENT_MESSAGES,
} from './conventions.ts';
import type { MessagingSystem } from './system.ts';

/** One operation, as the messaging metrics tell it. */
export interface Measured {
  readonly operation: 'send' | 'settle' | 'process';
  readonly topic: string | undefined;
  readonly groupId?: string | undefined;
  readonly partition?: number | undefined;
  readonly errorType: string | undefined;
}

/** The metrics of https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/. Durations are in seconds. */
export interface MessagingMetrics {
  sent(what: Measured, count: number, seconds: number): void;
  settled(what: Measured, seconds: number): void;
  processed(what: Measured, count: number, seconds: number): void;
}

/**
 * Returns a function that gives the metrics on the given provider or the global one, which may be registered later; it gives
 * `undefined` where nobody measures, so that nobody need look at the clock.
 */
export function messagingMetrics(
  option: MeterProvider | undefined,
  scope: HopScope,
  system: MessagingSystem,
): () => MessagingMetrics | undefined {
  return lazyInstruments(option, scope, (meter) => instruments(meter, system));
}

function instruments(meter: Meter, system: MessagingSystem): MessagingMetrics {
  const duration = (name: string, description: string): Histogram =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...DURATION_BOUNDARIES] },
    });
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(name, { description, unit: '{message}' });
  const operations = duration(METRIC_OPERATION_DURATION, 'Duration of messaging operation initiated by a client.');
  const processing = duration(METRIC_PROCESS_DURATION, 'Duration of processing operation.');
  const sent = counter(METRIC_SENT_MESSAGES, 'Number of messages client attempted to send to the broker.');
  const consumed = counter(METRIC_CONSUMED_MESSAGES, 'Number of messages that were delivered to the application.');
  const sets = attributeSets(system);
  return {
    sent(what, count, seconds) {
      const attributes = sets(what);
      operations.record(seconds, attributes);
      sent.add(count, attributes);
    },
    settled: (what, seconds) => operations.record(seconds, sets(what)),
    processed(what, count, seconds) {
      const attributes = sets(what);
      processing.record(seconds, attributes);
      consumed.add(count, attributes);
    },
  };
}

/** Past that many the sets are made anew each time: topics may be without number. */
const MAX_SETS = 1000;

// One attributes object for each combination that occurs: the sets are few, and a message is frequent.
function attributeSets(system: MessagingSystem): (what: Measured) => Attributes {
  const sets = new Map<string, Attributes>();
  return (what) => {
    const { operation, topic, groupId, partition, errorType } = what;
    const key = `${operation} ${topic ?? ''} ${partition ?? ''} ${groupId ?? ''} ${errorType ?? ''}`;
    let attributes = sets.get(key);
    if (attributes === undefined) {
      attributes = {
        [ATTR_MESSAGING_SYSTEM]: system.name,
        [ATTR_MESSAGING_OPERATION_NAME]: operation,
        [ATTR_MESSAGING_OPERATION_TYPE]: operation,
      };
      if (topic !== undefined) attributes[ATTR_MESSAGING_DESTINATION_NAME] = topic;
      if (partition !== undefined) attributes[ATTR_MESSAGING_DESTINATION_PARTITION_ID] = String(partition);
      if (groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = groupId;
      if (errorType !== undefined) attributes[ATTR_ERROR_TYPE] = errorType;
      if (sets.size < MAX_SETS) sets.set(key, attributes);
    }
    return attributes;
  };
}

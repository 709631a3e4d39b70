import type { Attributes, Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '../conventions.ts';
import { isAmong, OTHER } from '../telemetry/distinct.ts';
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
  const labels = labelsFor(system);
  return {
    sent(what, count, seconds) {
      const attributes = labels(what);
      operations.record(seconds, attributes);
      sent.add(count, attributes);
    },
    settled: (what, seconds) => operations.record(seconds, labels(what)),
    processed(what, count, seconds) {
      const attributes = labels(what);
      processing.record(seconds, attributes);
      consumed.add(count, attributes);
    },
  };
}

/** The labels that the metrics of one messaging system had. */
interface Labels {
  readonly sets: Map<string, Attributes>;
  readonly topics: Set<string>;
}

const MAX_SETS = 1000;
const MAX_TOPICS = 100;
// For all clients of a process, which share the instruments.
const known = new WeakMap<MessagingSystem, Labels>();

/**
 * Returns the labels of an operation. Topics, partitions and errors may be without number, where a pattern is subscribed to or a
 * message says where to answer: the first 1000 sets are whole, one object each, since a message is frequent. Past them the first 100
 * topics have a name, and an error no class.
 */
function labelsFor(system: MessagingSystem): (what: Measured) => Attributes {
  let labels = known.get(system);
  if (labels === undefined) known.set(system, (labels = { sets: new Map(), topics: new Set() }));
  const { sets, topics } = labels;
  return (what) => {
    const { operation, topic, groupId, partition, errorType } = what;
    const key = `${operation} ${topic ?? ''} ${partition ?? ''} ${groupId ?? ''} ${errorType ?? ''}`;
    const there = sets.get(key);
    if (there !== undefined) return there;
    const isWhole = sets.size < MAX_SETS && key.length <= MAX_KEY;
    const attributes: Attributes = {
      [ATTR_MESSAGING_SYSTEM]: system.name,
      [ATTR_MESSAGING_OPERATION_NAME]: operation,
      [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    };
    if (groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = groupId;
    if (topic !== undefined)
      attributes[ATTR_MESSAGING_DESTINATION_NAME] = isAmong(topics, topic, MAX_TOPICS) || isWhole ? topic : OTHER;
    if (errorType !== undefined) attributes[ATTR_ERROR_TYPE] = isWhole ? errorType : OTHER;
    if (!isWhole) return attributes;
    if (partition !== undefined) attributes[ATTR_MESSAGING_DESTINATION_PARTITION_ID] = String(partition);
    sets.set(key, attributes);
    return attributes;
  };
}

const MAX_KEY = 1024;

/*
 * What invoked a function, told by the shape of its event:
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
 */

/** A member of an event, which may hold anything. */
export type Loose = Readonly<Record<string, unknown>>;

/** What an event is. `datasource`: records of S3, DynamoDB, Kinesis and others. */
export type EventKind =
  | 'api-gateway'
  | 'http-api'
  | 'alb'
  | 'websocket'
  | 'authorizer'
  | 'sqs'
  | 'sns'
  | 'eventbridge'
  | 'timer'
  | 'datasource'
  | 'other';

// A rule of EventBridge, and EventBridge Scheduler.
const SCHEDULERS: ReadonlySet<string> = new Set(['aws.events', 'aws.scheduler']);

/** Returns what an event is. Never throws. */
export function eventKind(event: unknown): EventKind {
  try {
    return kindOf(event);
  } catch {
    // A getter threw.
    return 'other';
  }
}

function kindOf(given: unknown): EventKind {
  if (!isObject(given)) return 'other';
  const { Records: records, requestContext, type } = given;
  if (Array.isArray(records)) return recordsKind(records[0]);
  // Those of version 1 have `methodArn`, those of version 2 `routeArn`.
  const isToken = type === 'TOKEN' || type === 'REQUEST';
  if (isToken && (typeof given['methodArn'] === 'string' || typeof given['routeArn'] === 'string')) return 'authorizer';
  if (isObject(requestContext)) {
    if (isObject(requestContext['elb'])) return 'alb';
    if (isObject(requestContext['http'])) return 'http-api';
    if (typeof requestContext['connectionId'] === 'string') return 'websocket';
    if (typeof given['httpMethod'] === 'string') return 'api-gateway';
  }
  if (typeof given['detail-type'] === 'string' && typeof given['source'] === 'string') {
    return given['detail-type'] === 'Scheduled Event' && SCHEDULERS.has(given['source']) ? 'timer' : 'eventbridge';
  }
  return 'other';
}

function recordsKind(record: unknown): EventKind {
  if (!isObject(record)) return 'other';
  if (record['eventSource'] === 'aws:sqs') return 'sqs';
  if (record['EventSource'] === 'aws:sns') return 'sns';
  return typeof (record['eventSource'] ?? record['EventSource']) === 'string' ? 'datasource' : 'other';
}

/** Whether a value is an object whose members can be looked at. */
export function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null;
}

/** Returns a text, and `undefined` for any other value. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

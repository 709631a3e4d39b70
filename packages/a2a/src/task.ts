import type { Attributes } from '@opentelemetry/api';
import type { Outcome } from '@throughline/core/adapter';
import {
  ATTR_A2A_MESSAGE_ID,
  ATTR_A2A_TASK_ID,
  ATTR_A2A_TASK_STATE,
  ATTR_GEN_AI_CONVERSATION_ID,
} from './conventions.ts';
import { isObject } from './options.ts';

// The numbers are those of the protocol's own definition: https://a2a-protocol.org/v1.0.0/specification, TaskState
const STATES: readonly string[] = [
  'TASK_STATE_UNSPECIFIED',
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
];

export const FAILED = 4;
const INPUT_REQUIRED = 6;
const REJECTED = 7;
const AUTH_REQUIRED = 8;

// What is longer is no id, and would be paid for on every span.
const MAX_TEXT = 256;

/** What a request, an answer or an event says of its task. */
export interface TaskNews {
  readonly taskId?: string | undefined;
  readonly contextId?: string | undefined;
  readonly messageId?: string | undefined;
  /** The number that the protocol has for the state. */
  readonly state?: number | undefined;
}

/** Returns what a message says of its task. */
export function newsOfMessage(message: unknown): TaskNews {
  if (!isObject(message)) return {};
  return {
    taskId: shortText(message['taskId']),
    contextId: shortText(message['contextId']),
    messageId: shortText(message['messageId']),
  };
}

/** Returns what a task, a message, or an update of a task says. Total: whatever it is given, it does not throw. */
export function newsOf(thing: unknown): TaskNews {
  if (!isObject(thing)) return {};
  if (thing['messageId'] !== undefined) return { ...newsOfMessage(thing), messageId: undefined };
  return {
    taskId: shortText(thing['taskId']) ?? shortText(thing['id']),
    contextId: shortText(thing['contextId']),
    state: stateOf(thing['status']),
  };
}

/** Returns what an item of a stream says: it holds a task, a message or an update. */
export function newsOfStream(item: unknown): TaskNews {
  const payload = isObject(item) ? item['payload'] : undefined;
  return newsOf(isObject(payload) ? payload['value'] : undefined);
}

/** Returns the attributes that say it. */
export function taskAttributes({ taskId, contextId, messageId, state }: TaskNews): Attributes {
  const attributes: Attributes = {};
  if (taskId !== undefined) attributes[ATTR_A2A_TASK_ID] = taskId;
  if (contextId !== undefined) attributes[ATTR_GEN_AI_CONVERSATION_ID] = contextId;
  if (messageId !== undefined) attributes[ATTR_A2A_MESSAGE_ID] = messageId;
  const name = state === undefined ? undefined : STATES[state];
  if (name !== undefined) attributes[ATTR_A2A_TASK_STATE] = name;
  return attributes;
}

/** Returns how a hop came out whose task is as `news` says: a task that failed or was rejected is a failure. */
export function taskOutcome(news: TaskNews): Outcome {
  const attributes = taskAttributes(news);
  const { state } = news;
  return state === FAILED || state === REJECTED ? { attributes, errorType: STATES[state] } : { attributes };
}

/** Whether a task waits for somebody. */
export function isWaiting({ state }: TaskNews): boolean {
  return state === INPUT_REQUIRED || state === AUTH_REQUIRED;
}

/** What was said last of each thing. */
export function merged(known: TaskNews, news: TaskNews): TaskNews {
  return {
    taskId: news.taskId ?? known.taskId,
    contextId: news.contextId ?? known.contextId,
    messageId: known.messageId,
    state: news.state ?? known.state,
  };
}

/** Returns text that may stand on a span: an id, a version. It is the other side's, so that it is bounded. */
export function shortText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT ? value : undefined;
}

function stateOf(status: unknown): number | undefined {
  const state = isObject(status) ? status['state'] : undefined;
  return typeof state === 'number' && STATES[state] !== undefined ? state : undefined;
}

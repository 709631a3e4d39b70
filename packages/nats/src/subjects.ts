import type { Attributes } from '@opentelemetry/api';
import type { MessagingClient, Receiver, Sender } from '@throughline/core/messaging';
import {
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_TEMPLATE,
  ATTR_MESSAGING_DESTINATION_TEMPORARY,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
} from './conventions.ts';

/** What spans of inboxes are named by: each inbox has an id. */
export const INBOX_TEMPLATE = '_INBOX.>';

/** Returns whether a subject is that of an inbox, which lives as long as who made it. */
export function isInbox(subject: unknown, prefix: string | undefined): boolean {
  return (
    typeof subject === 'string' &&
    (subject.startsWith('_INBOX.') || (prefix !== undefined && subject.startsWith(`${prefix}.`)))
  );
}

/** Returns whether a subject is the server's own, such as that of JetStream's API or of a key-value bucket. */
export function isReserved(subject: unknown): boolean {
  return typeof subject === 'string' && subject.startsWith('$');
}

/** Returns whether a subject is one of those that a pattern of NATS stands for. https://docs.nats.io/nats-concepts/subjects#wildcards */
export function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (let at = 0; at < wanted.length; at++) {
    if (wanted[at] === '>') return tokens.length > at;
    if (at >= tokens.length || (wanted[at] !== '*' && wanted[at] !== tokens[at])) return false;
  }
  return wanted.length === tokens.length;
}

/** How the subjects of one connection are shown. */
export interface Subjects {
  /** Patterns that the user gave: the first that a subject matches names its spans. */
  readonly patterns: readonly string[];
  readonly inboxPrefix: string | undefined;
}

/** Returns the pattern that stands for a subject in the names of spans, where there is one. */
function templateOf(
  subject: string,
  { patterns, inboxPrefix }: Subjects,
  filters: readonly string[] = [],
): string | undefined {
  if (isInbox(subject, inboxPrefix)) return INBOX_TEMPLATE;
  return patterns.find((pattern) => matches(pattern, subject)) ?? filters.find((filter) => matches(filter, subject));
}

function destination(subject: string, template: string | undefined): Attributes {
  const attributes: Attributes = { [ATTR_MESSAGING_DESTINATION_NAME]: subject };
  if (template !== undefined && template !== subject) attributes[ATTR_MESSAGING_DESTINATION_TEMPLATE] = template;
  if (template === INBOX_TEMPLATE) attributes[ATTR_MESSAGING_DESTINATION_TEMPORARY] = true;
  return attributes;
}

/** Returns what gives the start of a `send`, or of a `request`, which is a send that is answered. */
export function sendStarts(operation: 'send' | 'request', subjects: Subjects): Sender['start'] {
  let last: ReturnType<Sender['start']> | undefined;
  return (subject) => {
    if (last?.topic !== subject) {
      const template = templateOf(subject, subjects);
      const attributes = Object.freeze({
        [ATTR_MESSAGING_SYSTEM]: 'nats',
        [ATTR_MESSAGING_OPERATION_NAME]: operation,
        [ATTR_MESSAGING_OPERATION_TYPE]: 'send',
        ...destination(subject, template),
      });
      const target = Object.freeze({ transport: 'nats', channel: 'broker' as const, name: subject });
      last = { topic: subject, name: `${operation} ${template ?? subject}`, attributes, target };
    }
    return last;
  };
}

/**
 * Returns what gives the start of a `process`. `filters` are the subjects that are subscribed to; `stream` names the spans of subjects
 * that no filter stands for.
 */
export function processStarts(subjects: Subjects, filters: readonly string[], stream?: string): Receiver['start'] {
  let last: ReturnType<Receiver['start']> | undefined;
  return (subject: string, partition: number | undefined, { groupId }: MessagingClient) => {
    if (last?.topic !== subject || last.groupId !== groupId) {
      const template = templateOf(subject, subjects, filters);
      const attributes: Attributes = {
        [ATTR_MESSAGING_SYSTEM]: 'nats',
        [ATTR_MESSAGING_OPERATION_NAME]: 'process',
        [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
        ...destination(subject, template),
      };
      if (groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = groupId;
      const name = `process ${template ?? stream ?? subject}`;
      last = {
        topic: subject,
        partition,
        groupId,
        name,
        attributes: Object.freeze(attributes),
        peer: Object.freeze({ name: subject }),
      };
    }
    return last;
  };
}

import type { Attributes } from '@opentelemetry/api';
import type { Target } from '../parties.ts';
import { processAttributes, sendAttributes } from './attributes.ts';
import type { MessagingClient } from './attributes.ts';
import type { MessagingSystem } from './system.ts';

/*
 * What the hops of one topic say at their start is the same for each, and most clients go on with the topic, and the partition,
 * that they had last: it is made once for it, and frozen, because all those hops share it.
 */

/** What a `send` to a topic says at its start. */
export interface SendStart {
  readonly topic: string;
  readonly name: string;
  readonly attributes: Readonly<Attributes>;
  readonly target: Target;
}

/** Returns a function that gives what a `send` to a topic says. */
export function sendStarts(system: MessagingSystem): (topic: string) => SendStart {
  let last: SendStart | undefined;
  return (topic) => {
    if (last?.topic !== topic) {
      const attributes = Object.freeze(sendAttributes(topic, 'send', system));
      last = { topic, name: `send ${topic}`, attributes, target: Object.freeze(topicTarget(topic, system)) };
    }
    return last;
  };
}

/** What a `process` of messages of a partition says at its start. */
export interface ProcessStart {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly groupId: string | undefined;
  readonly name: string;
  readonly attributes: Readonly<Attributes>;
  readonly peer: { readonly name: string };
}

/** Returns a function that gives what a `process` of messages of a partition says, by a client whose group may yet be told. */
export function processStarts(): (
  topic: string,
  partition: number | undefined,
  client: MessagingClient,
) => ProcessStart {
  let last: ProcessStart | undefined;
  return (topic, partition, client) => {
    const { groupId } = client;
    if (last?.topic !== topic || last.partition !== partition || last.groupId !== groupId) {
      const attributes = Object.freeze(processAttributes(topic, partition, client));
      const peer = Object.freeze({ name: topic });
      last = { topic, partition, groupId, name: `process ${topic}`, attributes, peer };
    }
    return last;
  };
}

/** Returns the target of what goes to a topic. */
export function topicTarget(topic: string | undefined, { transport }: MessagingSystem): Target {
  return { transport, channel: 'broker', name: topic };
}

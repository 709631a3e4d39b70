import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { OutboundHop, Sending } from '../hop/hop.ts';
import { runOutbound } from '../hop/runner.ts';
import type { LineageError } from '../lineage/refusal.ts';
import { whenSettled } from '../settled.ts';
import { failureType } from '../telemetry/outcome.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { settleAttributes } from './attributes.ts';
import type { OutgoingTopic } from './outgoing-topic.ts';
import type { Sender } from './sender.ts';
import { topicTarget } from './topic-start.ts';

/** What a client is to be called with, and the topics whose messages it holds. */
export interface Prepared {
  readonly argument: unknown;
  readonly outgoing: readonly OutgoingTopic[];
}

/**
 * Returns the copy of a client's argument that `copy` makes, with the topics that it starts. What cannot be read, because it is
 * malformed or a getter throws, goes to the client as it is: the client says what is wrong.
 */
export function prepared(argument: unknown, copy: (outgoing: OutgoingTopic[]) => unknown): Prepared {
  const outgoing: OutgoingTopic[] = [];
  try {
    return { argument: copy(outgoing), outgoing };
  } catch {
    for (const one of outgoing) one.withdraw();
    return { argument, outgoing: [] };
  }
}

/** Returns at which places of a list each of its topics stands. */
export function byTopic(entries: readonly { readonly topic: string }[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  entries.forEach(({ topic }, at) => {
    const there = places.get(topic);
    if (there === undefined) places.set(topic, [at]);
    else there.push(at);
  });
  return places;
}

/**
 * Returns what `send` returns, the client's own call, under suppressed tracing where `suppresses`; then the send spans end, with
 * where the broker put the messages, or why it did not take them. A thrown value comes out as the same object. Where the
 * limits of the chain refuse one of the topics, nothing is sent, and the promise rejects with the `LineageError`.
 */
export function sendAll(outgoing: readonly OutgoingTopic[], send: () => unknown, suppresses: boolean): unknown {
  const hop = outgoing[0]?.hop;
  if (hop === undefined) return send();
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  return whenSettled(
    () => (suppresses ? contextApi.with((hop as Sending).inner, send) : send()),
    (failed, value) => endAll(outgoing, failed, value),
  );
}

/** Returns why a call may not be made, when the limits of the chain refuse one of its topics. All its spans have then ended. */
export function refusalOf(outgoing: readonly OutgoingTopic[]): LineageError | undefined {
  for (const { hop } of outgoing) {
    if (hop.refused === undefined) continue;
    const { error, refused } = hop;
    for (const one of outgoing) one.withdraw({ error, errorType: `throughline.${refused}` });
    return error;
  }
  return undefined;
}

/** Ends the send spans of a call. */
export function endAll(outgoing: readonly OutgoingTopic[], failed: boolean, value: unknown): void {
  for (const one of outgoing) {
    if (failed) one.end({ failed, error: value });
    else one.sent(value);
  }
}

/**
 * Returns what `commit` returns, the client's own call that commits offsets for a group, in a CLIENT `settle` span, and under
 * suppressed tracing where `suppresses`. `topic` where it is one: a span's name holds no list. `outcome` says how a call came out that
 * returned: some settle many messages, and tell which were not.
 */
export function settle(
  topic: string | undefined,
  groupId: string | undefined,
  sender: Sender,
  commit: () => unknown,
  suppresses: boolean,
  outcome?: (answer: unknown) => Outcome | undefined,
): unknown {
  const meters = sender.metrics();
  const hop: OutboundHop = {
    transport: sender.system.transport,
    name: topic === undefined ? 'settle' : `settle ${topic}`,
    kind: SpanKind.CLIENT,
    attributes: settleAttributes(topic, groupId, sender),
    target: topicTarget(topic, sender.system),
    // Nothing travels on, and no limit refuses it.
    messages: 0,
  };
  return runOutbound(hop, sender.hop, {
    call: ({ inner }) => (suppresses ? contextApi.with(inner, commit) : commit()),
    outcome: (answer) => outcome?.(answer),
    failure: (error) => ({ error, errorType: sender.errorType(error) }),
    measure:
      meters &&
      ((seconds, cameOut) =>
        meters.settled({ operation: 'settle', topic, groupId, errorType: failureType(cameOut) }, seconds)),
    open: sender.open,
  });
}

import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Sending } from '../hop/hop.ts';
import { startOutbound } from '../hop/outbound.ts';
import { errorType } from '../telemetry/outcome.ts';
import { whenSettled } from '../settled.ts';
import { settleAttributes } from './attributes.ts';
import { topicTarget } from './carried.ts';
import { KAFKA } from './conventions.ts';
import { telemetryFailed } from './failed.ts';
import type { LineageError } from '../lineage/refusal.ts';
import type { OutgoingTopic, PlaceOf } from './outgoing-topic.ts';
import type { Sender } from './sender.ts';

/**
 * Returns what `send` returns for `argument`, the client's own call, under suppressed tracing where `suppresses`; then the send
 * spans end, with where the broker put the messages, or why it did not take them. A thrown value comes out as the same object.
 * Where the limits of the chain refuse one of the topics, nothing is sent, and the promise rejects with the `LineageError`.
 */
export function sendAll<A>(
  outgoing: readonly OutgoingTopic[],
  send: (argument: A) => unknown,
  argument: A,
  placeOf: PlaceOf,
  suppresses: boolean,
): unknown {
  const hop = outgoing[0]?.hop;
  if (hop === undefined) return send(argument);
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  return whenSettled(
    () => (suppresses ? contextApi.with((hop as Sending).inner, send, undefined, argument) : send(argument)),
    (failed, value) => endAll(outgoing, failed, value, placeOf),
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
export function endAll(outgoing: readonly OutgoingTopic[], failed: boolean, value: unknown, placeOf: PlaceOf): void {
  for (const one of outgoing) {
    if (failed) one.end({ error: value });
    else one.sent(placeOf, value);
  }
}

/**
 * Returns what `commit` returns, the client's own call that commits offsets for a group, in a CLIENT `settle` span, and under
 * suppressed tracing where `suppresses`. `topic` where it is one: a span's name holds no list.
 */
export function settle(
  topic: string | undefined,
  groupId: string | undefined,
  sender: Sender,
  commit: () => unknown,
  suppresses: boolean,
): unknown {
  const started = performance.now();
  const sending = startOutbound(
    {
      transport: KAFKA,
      name: topic === undefined ? 'settle' : `settle ${topic}`,
      kind: SpanKind.CLIENT,
      attributes: settleAttributes(topic, groupId, sender),
      target: topicTarget(topic),
      // Nothing travels on.
      messages: 0,
    },
    sender.hop,
  );
  if (sending.refused !== undefined) {
    sending.end();
    return Promise.reject(sending.error);
  }
  sender.open.add(sending);
  return whenSettled(
    () => (suppresses ? contextApi.with(sending.inner, commit) : commit()),
    (failed, error) => {
      sender.open.delete(sending);
      try {
        const known = failed ? (sender.errorType(error) ?? errorType(error)) : undefined;
        sending.end(failed ? { error, errorType: known } : undefined);
        sender
          .metrics()
          ?.settled({ operation: 'settle', topic, groupId, errorType: known }, (performance.now() - started) / 1000);
      } catch (thrown) {
        telemetryFailed(thrown);
      }
    },
  );
}

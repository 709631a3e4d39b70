import { endAll, prepared, startTopic } from '@throughline/core/messaging';
import type { OutgoingTopic, Prepared, Sender } from '@throughline/core/messaging';
import { optionsShape, withoutHeaders } from './headers.ts';
import type { HeadersLike } from './message.ts';
import { fits } from './payload-room.ts';
import type { ServerInfoLike } from './payload-room.ts';

/**
 * Opens the hop of one message that is sent, and returns a copy of the call's options that carries it: the options as they are, where
 * the server takes no headers, or not that many bytes.
 */
export function outgoingOf(
  subject: string,
  payload: unknown,
  options: unknown,
  sender: Sender,
  info: ServerInfoLike | undefined,
): Prepared {
  const by = info?.headers === false ? { ...sender, shape: withoutHeaders } : sender;
  return prepared(options, (outgoing) => {
    const given = options ?? {};
    const started = startTopic(subject, [[given]], by);
    outgoing.push(started);
    const written = started.lists[0]?.[0];
    if (written === given) return options;
    const headers = optionsShape.headers(written) as HeadersLike | undefined | null;
    return headers === undefined || headers === null || fits(headers, payload, info) ? written : options;
  });
}

/** Ends the hop of a message that is sent and not answered. */
export function ending(outgoing: readonly OutgoingTopic[]): (failed: boolean, value: unknown) => void {
  return (failed, value) => endAll(outgoing, failed, value);
}

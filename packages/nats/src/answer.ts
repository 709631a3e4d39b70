import { SpanKind } from '@opentelemetry/api';
import { answerField, outboundFields } from '@throughline/core/adapter';
import type { HopSettings, Received, WrittenFields } from '@throughline/core/adapter';
import { optionsShape, withHeaders, writtenHeaders } from './headers.ts';
import type { HeadersLike } from './message.ts';
import { fits } from './payload-room.ts';
import type { ServerInfoLike } from './payload-room.ts';
import { INBOX_TEMPLATE } from './subjects.ts';

/**
 * Returns a copy of the options of a call that answers a request. An answer is no hop of its own: it carries the active context, no
 * deeper in the chain of agents than the request, for who reads answers from an inbox of its own. `to` is the request, whose
 * trace may have been restarted here. No limit keeps an answer back.
 */
export function answering<O>(
  options: O,
  payload: unknown,
  settings: HopSettings,
  info: ServerInfoLike | undefined,
  to?: Received,
): O {
  try {
    if (info?.headers === false) return options;
    const held = optionsShape.headers(options ?? {}) as HeadersLike | undefined | null;
    if (held === null) return options;
    const sending = fieldsOfAnswer(settings);
    const told = to?.answer;
    const isUnchanged =
      Object.keys(sending.fields).length === 0 &&
      (held === undefined || !optionsShape.holdsFields(held, sending.foreign));
    if (isUnchanged && told === undefined) return options;
    const headers = writtenHeaders(held, sending);
    if (told !== undefined) (headers as unknown as { set(name: string, value: string): void }).set(answerField, told);
    return fits(headers, payload, info) ? (withHeaders(options ?? {}, headers) as O) : options;
  } catch {
    // What cannot be read is the client's to report.
    return options;
  }
}

function fieldsOfAnswer(settings: HopSettings): WrittenFields {
  try {
    const target = { transport: 'nats', channel: 'broker', name: INBOX_TEMPLATE } as const;
    return outboundFields(
      { transport: 'nats', name: 'respond', kind: SpanKind.PRODUCER, target, reply: true },
      settings,
    );
  } catch {
    // Past a deadline: whoever asked gets the answer all the same.
    return { fields: {}, mode: 'strip', keepsValid: false };
  }
}

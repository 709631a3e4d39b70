import { context as contextApi } from '@opentelemetry/api';
import { whenSettled } from '@throughline/core/adapter';
import type { Outcome, Sending } from '@throughline/core/adapter';
import { byTopic, prepared, refusalOf, startTopic } from '@throughline/core/messaging';
import type { OutgoingTopic, Sender } from '@throughline/core/messaging';
import { ATTR_BATCH_FAILED, ATTR_MESSAGE_ID } from './conventions.ts';
import { withInput } from './operation.ts';
import type { CommandLike } from './operation.ts';
import type { AwsSettings, Service } from './options.ts';
import { slackOf } from './size.ts';

/** The messages of one call. */
export interface Entries {
  readonly entries: readonly unknown[];
  /** The member of the input that holds them; `undefined` where the input is the one message. */
  readonly member: string | undefined;
  topicOf(entry: unknown): string;
  /** What tells the place that all go to. */
  readonly place?: object | undefined;
}

interface Call {
  /** The client's own call. */
  call(command: CommandLike): unknown;
  /** The function that it is made by. */
  readonly method: unknown;
}

/** One topic of a call, and which entries go there. */
interface Part {
  readonly outgoing: OutgoingTopic;
  readonly at: readonly number[];
}

/**
 * Returns what the client's call returns, made with a copy of the command whose messages carry the context of their send span: one span a
 * topic. It ends with why messages were not taken, where some were not.
 */
export function sendEntries(
  command: CommandLike,
  { entries, member, topicOf, place }: Entries,
  service: Service,
  settings: AwsSettings,
  { call, method }: Call,
): unknown {
  const parts: Part[] = [];
  const { argument, outgoing } = prepared(command, (started) => {
    const sender = service.sender(slackOf(entries, settings.maxMessageBytes));
    const copies = [...entries];
    for (const [topic, at] of byTopic(entries.map((entry) => ({ topic: topicOf(entry) })))) {
      const one = startTopic(topic, [at.map((nth) => entries[nth])], sender, settings.reply);
      started.push(one);
      parts.push({ outgoing: one, at });
      if (place !== undefined) one.hop.describe((span) => sender.system.describe(span, place, false));
      at.forEach((nth, index) => (copies[nth] = one.lists[0]?.[index]));
    }
    return commandWith(command, copies, entries, member);
  });
  const hop = outgoing[0]?.hop;
  if (hop === undefined) return call(argument as CommandLike);
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  const { inner, wire } = hop as Sending;
  const { suppresses }: Sender = service.sender(Infinity);
  return whenSettled(
    // What the client asks over HTTP for it belongs below the span.
    () => contextApi.with(suppresses(method) ? inner : wire, () => call(argument as CommandLike)),
    (failed, value) => {
      for (const part of parts) {
        if (failed) part.outgoing.end({ failed, error: value });
        else end(part, entries, value);
      }
    },
  );
}

function commandWith(
  command: CommandLike,
  copies: unknown[],
  entries: readonly unknown[],
  member: string | undefined,
): CommandLike {
  if (copies.every((copy, nth) => copy === entries[nth])) return command;
  return withInput(command, member === undefined ? (copies[0] as object) : { ...command.input, [member]: copies });
}

interface Taken {
  readonly id?: unknown;
  /** Why it was not taken. */
  readonly code?: string | undefined;
}

/** Ends the span of a topic, with the id of its message where it is one, and with how many were not taken, and why the first was not. */
function end({ outgoing, at }: Part, entries: readonly unknown[], answer: unknown): void {
  let failed = 0;
  let code: string | undefined;
  try {
    const takenOf = answerOf(answer, entries);
    const taken = at.map(takenOf);
    for (const one of taken) {
      if (one?.code === undefined) continue;
      failed++;
      code ??= one.code;
    }
    const id = taken.length === 1 ? taken[0]?.id : undefined;
    if (typeof id === 'string') outgoing.hop.describe((span) => span.setAttribute(ATTR_MESSAGE_ID, id));
  } catch {
    // An answer that cannot be read is the caller's affair.
  }
  if (failed === 0) outgoing.sent(answer);
  else outgoing.end({ errorType: code, attributes: { [ATTR_BATCH_FAILED]: failed } });
}

/** Returns how a call came out that settles several messages, and says which it did not. */
export function settled(answer: unknown): Outcome | undefined {
  const { Failed: failed = [] } = (answer ?? {}) as Answer;
  if (failed.length === 0) return undefined;
  return { errorType: codeOf(failed[0]?.Code) ?? '_OTHER', attributes: { [ATTR_BATCH_FAILED]: failed.length } };
}

function codeOf(code: unknown): string | undefined {
  return typeof code === 'string' && code !== '' ? code : undefined;
}

interface Answer {
  readonly MessageId?: unknown;
  readonly Successful?: readonly { readonly Id?: unknown; readonly MessageId?: unknown }[];
  readonly Failed?: readonly { readonly Id?: unknown; readonly Code?: unknown }[];
  readonly Entries?: readonly { readonly EventId?: unknown; readonly ErrorCode?: unknown }[];
}

/** Returns what an answer says of each message, by its place among the entries. */
function answerOf(answer: unknown, entries: readonly unknown[]): (nth: number) => Taken | undefined {
  const { MessageId: id, Successful: successful = [], Failed: failed = [], Entries: events } = (answer ?? {}) as Answer;
  if (id !== undefined) return () => ({ id });
  if (events !== undefined) {
    return (nth) => {
      const event = events[nth];
      return { id: event?.EventId, code: codeOf(event?.ErrorCode) };
    };
  }
  const byId = new Map<unknown, Taken>(successful.map((one) => [one.Id, { id: one.MessageId }]));
  for (const { Id, Code } of failed) byId.set(Id, { code: codeOf(Code) ?? '_OTHER' });
  return (nth) => byId.get((entries[nth] as { Id?: unknown } | null | undefined)?.Id);
}

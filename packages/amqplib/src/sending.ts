import { context as contextApi } from '@opentelemetry/api';
import type { Sending } from '@throughline/core/adapter';
import { whenSettled } from '@throughline/core/adapter';
import { endAll, prepared, refusalOf, startTopic } from '@throughline/core/messaging';
import type { OutgoingTopic, Sender } from '@throughline/core/messaging';
import { stateOf } from './channel-state.ts';
import type { ChannelState } from './channel-state.ts';
import { Confirmation, hearConfirms, hearReturns, nextTag } from './confirms.ts';
import { isServerNamed, sendStart } from './destination.ts';
import type { ChannelSettings } from './options.ts';
import { isAnswer } from './request.ts';
import { fitted } from './room.ts';
import { headersOf, optionsWith } from './shape.ts';
import type { Outgoing } from './shape.ts';

type Call = (...args: unknown[]) => unknown;

/** What sends: a channel of amqplib's, with its members as they are. */
export interface SendingChannel {
  publish: Call;
  sendToQueue: Call;
  waitForConfirms?: Call;
}

/** What a traced `publish` takes beside amqplib's own options. */
export interface SendExtras {
  /**
   * Whether the message is an answer, which is not a step deeper in the chain of agents. Default: what goes to the `replyTo` of the
   * message that is being handled, with its `correlationId`, is one. Never reaches amqplib.
   */
  readonly reply?: boolean | undefined;
}

type Options = object & SendExtras & { readonly mandatory?: unknown; readonly correlationId?: unknown };

/** Returns a function that sends as `channel[method]` does, in a `send` span. */
export function sender(channel: SendingChannel, method: 'publish' | 'sendToQueue', settings: ChannelSettings): Call {
  const state = stateOf(channel);
  const senderTo = senders(state, settings);
  const at = method === 'publish' ? 3 : 2;
  return (...args) => {
    const exchange = method === 'publish' ? args[0] : '';
    const routingKey = method === 'publish' ? args[1] : args[0];
    // amqplib says what is wrong.
    if (typeof exchange !== 'string' || typeof routingKey !== 'string') return channel[method](...args);
    const suppresses = settings.sender.suppresses(channel.publish);
    const { argument, outgoing } = prepared(args[at], (started) =>
      optionsCopy(exchange, routingKey, args[at], args[at - 1], started, senderTo, suppresses, state),
    );
    const [one] = outgoing;
    if (one === undefined) return channel[method](...args);
    const refusal = refusalOf(outgoing);
    // As amqplib says what it will not send; its callback is for what the broker says.
    if (refusal !== undefined) throw refusal;
    const given = [...args];
    if (argument !== undefined || given.length > at) given[at] = argument;
    const send = (): unknown =>
      suppresses
        ? contextApi.with((one.hop as Sending).inner, () => channel[method](...given))
        : channel[method](...given);
    if (typeof channel.waitForConfirms !== 'function') {
      return whenSettled(send, (failed, value) => endAll(outgoing, failed, value));
    }
    return sendConfirmed(channel, one, args[at] as Options | undefined, given, at + 1, send, state);
  };
}

/** Returns what `send` returns; the span ends when the broker has confirmed the message. */
function sendConfirmed(
  channel: SendingChannel,
  one: OutgoingTopic,
  options: Options | undefined,
  given: unknown[],
  callbackAt: number,
  send: () => unknown,
  state: ChannelState,
): unknown {
  hearConfirms(channel, state);
  const isReturnable = Boolean(options?.mandatory);
  if (isReturnable) hearReturns(channel, state);
  const traceparent = isReturnable ? (one.hop as Sending).fields['traceparent'] : undefined;
  const confirmation = new Confirmation(one, traceparent, state);
  const callback = given[callbackAt];
  const tag = typeof callback === 'function' ? undefined : nextTag(channel);
  if (typeof callback === 'function') {
    const caller = contextApi.active();
    given[callbackAt] = function (this: unknown, ...said: unknown[]): unknown {
      const [error] = said;
      confirmation.end(error === null || error === undefined ? undefined : { failed: true, error });
      return contextApi.with(caller, () => Reflect.apply(callback as Call, this, said));
    };
  } else if (tag !== undefined) state.confirmations.set(tag, confirmation);
  try {
    const result = send();
    // Nothing says when it is confirmed.
    if (typeof callback !== 'function' && tag === undefined) confirmation.end(undefined);
    return result;
  } catch (error) {
    if (tag !== undefined) state.confirmations.delete(tag);
    confirmation.end({ failed: true, error });
    throw error;
  }
}

type Senders = (
  exchange: string,
  routingKey: string,
  isToAsker: boolean,
) => { readonly topic: string; readonly by: Sender };

// Most channels go on with the destination that they had last: what it says is made once for it.
function senders({ temporary: queues, open }: ChannelState, { sender: by }: ChannelSettings): Senders {
  let last: { exchange: string; routingKey: string; temporary: boolean; topic: string; by: Sender } | undefined;
  return (exchange, routingKey, isToAsker) => {
    const temporary = isToAsker || isServerNamed(routingKey) || queues.has(routingKey);
    if (last?.exchange !== exchange || last.routingKey !== routingKey || last.temporary !== temporary) {
      const start = sendStart(exchange, routingKey, temporary);
      last = { exchange, routingKey, temporary, topic: start.topic, by: { ...by, open, start: () => start } };
    }
    return last;
  };
}

function optionsCopy(
  exchange: string,
  routingKey: string,
  options: unknown,
  content: unknown,
  outgoing: OutgoingTopic[],
  senderTo: Senders,
  suppresses: boolean,
  { broker, room }: ChannelState,
): unknown {
  const headers = headersOf(options);
  // amqplib says what is wrong with it.
  if (headers === null) return options;
  const given = options as Options | null | undefined;
  const { reply, correlationId } = given ?? {};
  // Where somebody wants an answer is a queue of theirs, whose name is an id.
  const isToAsker = isAnswer(contextApi.active(), exchange, routingKey, correlationId);
  const { topic, by } = senderTo(exchange, routingKey, isToAsker);
  const message: Outgoing = { headers, content, properties: given ?? undefined, broker };
  const started = startTopic(topic, [[message]], by, reply ?? isToAsker);
  outgoing.push(started);
  const written = started.lists[0]?.[0] as Outgoing;
  // An instrumentation that patched the channel writes into what it is given, which may be frozen.
  if (written === message && reply === undefined && !(suppresses && given)) return options;
  const fits = written === message ? written.headers : fitted(written.headers, headers, given, room);
  return optionsWith(given, suppresses ? { ...fits } : fits);
}

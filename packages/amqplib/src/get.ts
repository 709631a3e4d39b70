import { context as contextApi } from '@opentelemetry/api';
import { hearClose, rejectFor } from './channel-state.ts';
import type { ChannelState } from './channel-state.ts';
import { isMessage } from './message.ts';
import type { ChannelSettings } from './options.ts';
import { handleOpen, opener, sourceOf } from './receiving.ts';

type Method = (...args: unknown[]) => unknown;

/**
 * Returns `get` of a channel: the message that it gives has a `process` span, which is open until the message is settled. One that the
 * limits of its chain refuse is rejected, or goes to `onRefused`, and the next one is asked for.
 */
export function getter(channel: object, state: ChannelState, { receiver }: ChannelSettings): Method {
  const receiving = { ...receiver, open: state.open };
  const target = channel as { get: Method };
  return (...args) => {
    const [queue, options] = args;
    const callback = typeof args[2] === 'function' ? (args[2] as Method) : undefined;
    hearClose(channel, state);
    const open = opener(sourceOf(queue, state), receiving);
    const noAck = Boolean((options as { noAck?: unknown } | null | undefined)?.noAck);

    /** Whether the caller may have it. */
    const letIn = (message: unknown): boolean | Promise<boolean> => {
      if (!isMessage(message)) return true;
      const opened = open(message);
      const tag = message.fields.deliveryTag;
      if (opened.hop.refused === undefined) {
        if (noAck) opened.end();
        else if (tag !== undefined) state.deliveries.set(tag, opened);
        return true;
      }
      if (!noAck && tag !== undefined) state.deliveries.set(tag, opened);
      const refused = handleOpen(opened, message, String(queue), receiving, {
        handle: () => undefined,
        reject: () => (noAck ? undefined : rejectFor(channel, state, message)),
        endsWithHandler: noAck,
      });
      return Promise.resolve(refused).then(() => false);
    };

    if (callback !== undefined) {
      const caller = contextApi.active();
      const answer = (...said: unknown[]): void => {
        const may = said[0] === null || said[0] === undefined ? letIn(said[1]) : true;
        if (may === true) contextApi.with(caller, () => Reflect.apply(callback, undefined, said));
        else void (may as Promise<boolean>).then(ask);
      };
      const ask = (): unknown => {
        try {
          return target.get(queue, options, answer);
        } catch (error) {
          callback(error);
          return undefined;
        }
      };
      return target.get(queue, options, answer);
    }

    const result = target.get(...args);
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return result;
    const admitted = async (message: unknown): Promise<unknown> => {
      const may = letIn(message);
      if (may === true || (await may)) return message;
      return admitted(await target.get(...args));
    };
    return (result as PromiseLike<unknown>).then(admitted);
  };
}

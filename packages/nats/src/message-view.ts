import { whenSettled } from '@throughline/core/adapter';
import type { HopSettings, Received } from '@throughline/core/adapter';
import type { OpenMessage } from '@throughline/core/messaging';
import { answering } from './answer.ts';
import { ATTR_SETTLEMENT } from './conventions.ts';
import type { MessageLike } from './message.ts';
import type { ServerInfoLike } from './payload-room.ts';

type Method = (...args: unknown[]) => unknown;
type Loose = Record<PropertyKey, unknown>;

/*
 * What is handed to handlers in place of a message: a Proxy with few members of its own, since there is one for each message. The rest is
 * the message's, methods bound to it.
 */

/** Passes everything on but what `member` replaces. */
abstract class View implements ProxyHandler<object> {
  get(target: object, property: PropertyKey): unknown {
    const replaced = this.member(target as Loose, property);
    if (replaced !== undefined) return replaced;
    const value = (target as Loose)[property];
    return typeof value === 'function' && property !== 'constructor' ? (value as Method).bind(target) : value;
  }

  set(target: object, property: PropertyKey, value: unknown): boolean {
    return Reflect.set(target, property, value, target);
  }

  protected abstract member(target: Loose, property: PropertyKey): Method | undefined;
}

class RequestView extends View {
  readonly #open: OpenMessage;
  readonly #settings: HopSettings;
  readonly #info: () => ServerInfoLike | undefined;

  constructor(open: OpenMessage, settings: HopSettings, info: () => ServerInfoLike | undefined) {
    super();
    this.#open = open;
    this.#settings = settings;
    this.#info = info;
  }

  protected member(target: Loose, property: PropertyKey): Method | undefined {
    if (property !== 'respond') return undefined;
    return (payload, options, ...rest) => {
      const written = answering(options, payload, this.#settings, this.#info(), this.#open.hop as Received);
      return (target['respond'] as Method)(payload, written, ...rest);
    };
  }
}

/** Returns a message that answers with the trace that it is handled in; the message itself where nobody waits for an answer. */
export function requestView<M extends MessageLike>(
  message: M,
  open: OpenMessage,
  settings: HopSettings,
  info: () => ServerInfoLike | undefined,
): M {
  return message.reply ? new Proxy<M>(message, new RequestView(open, settings, info)) : message;
}

const SETTLEMENTS: Readonly<Partial<Record<PropertyKey, string>>> = Object.assign(Object.create(null) as object, {
  ack: 'ack',
  ackAck: 'ack',
  next: 'ack',
  nak: 'nak',
  term: 'term',
});

class SettledView extends View {
  readonly #open: OpenMessage;

  constructor(open: OpenMessage) {
    super();
    this.#open = open;
  }

  protected member(target: Loose, property: PropertyKey): Method | undefined {
    const open = this.#open;
    if (property === 'working') {
      return (...args) => {
        open.prolong();
        return (target['working'] as Method)(...args);
      };
    }
    const settlement = SETTLEMENTS[property];
    if (settlement === undefined || typeof target[property] !== 'function') return undefined;
    const attributes = { [ATTR_SETTLEMENT]: settlement };
    return (...args) =>
      whenSettled(
        () => (target[property] as Method)(...args),
        (failed, error) => open.end(failed ? { failed, error } : { attributes }),
      );
  }
}

/** Returns a message of JetStream whose settlement ends its span. */
export function settledView<M extends object>(message: M, open: OpenMessage): M {
  return new Proxy<M>(message, new SettledView(open));
}

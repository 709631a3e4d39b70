import { context as contextApi } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import { wrapHandler } from '@throughline/core/messaging';
import { extractContext } from './carrier.ts';
import { isServerNamed } from './destination.ts';
import { isMessage } from './message.ts';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions } from './options.ts';
import { handleOpen, handlingContext, opener } from './receiving.ts';

/**
 * Returns a handler for `consume` of a channel that is not wrapped: it opens a CONSUMER span `process {queue}` for each message, a
 * child of the span that sent it, and runs `handler` in it, with the sender's baggage. The span ends with the handler, since it is not
 * seen when the message is settled. Throws a `ThroughlineError` for a wrong option, and for a `lineage` that is enforced without
 * `onRefused`: only you can settle the message.
 *
 * @example
 * ```ts
 * await channel.consume('tasks', tracedConsumer(async (message) => handle(message), { queue: 'tasks' }));
 * ```
 */
export function tracedConsumer<H extends (message: never, ...rest: never[]) => unknown>(
  handler: H,
  options?: ConsumerOptions,
): H {
  const receiver = consumerSettings(options);
  const { queue, lineage } = options ?? {};
  if (typeof lineage === 'object' && lineage.mode === 'enforce' && receiver.onRefused === undefined) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_OPTION',
      "`tracedConsumer` with `lineage: { mode: 'enforce' }` takes `onRefused`, which settles a message that is refused; `traceChannel` rejects it by itself.",
    );
  }
  let named = queue ?? '';
  const open = opener(() => ({ queue: named, temporary: isServerNamed(named), broker: undefined }), receiver);
  const traced = function (this: unknown, ...args: unknown[]): unknown {
    const [message] = args;
    const handle = (): unknown => Reflect.apply(handler, this, args as never[]);
    if (!isMessage(message)) return handle();
    named = queue ?? (message.fields.exchange === '' ? (message.fields.routingKey ?? '') : '');
    const opened = open(message);
    return handleOpen(opened, message, named, receiver, { handle, reject: () => {}, endsWithHandler: true });
  };
  return wrapHandler(handler as never, receiver as never, traced as never) as H;
}

/**
 * Returns what `fn` returns, run in the context in which a received message is handled: spans opened in it are children of its `process`
 * span, and its baggage is active. For a message of `get`, and for what is done with one after its handler has returned. Without a
 * `process` span, in the context that the message was created in.
 *
 * @example
 * ```ts
 * const message = await channel.get('tasks');
 * if (message !== false) await runWith(message, () => handle(message));
 * ```
 */
export function runWith<T>(message: MessageLike, fn: () => T): T {
  return contextApi.with(handlingContext(message) ?? extractContext(message), fn);
}

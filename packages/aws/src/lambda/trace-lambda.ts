import { ThroughlineError } from '@throughline/core';
import { markWrapped, textOf, warnIfRewrapped, warnOnce, wrapped } from '@throughline/core/adapter';
import { eventKind } from './event.ts';
import type { Loose } from './event.ts';
import { runHop } from './hops.ts';
import { invocationOf } from './invocation.ts';
import { lambdaSettings } from './options.ts';
import type { LambdaOptions, LambdaSettings } from './options.ts';
import { isResponseStream, streamEnd } from './stream.ts';
import type { ResponseStream } from './stream.ts';
import { isThenable } from './thenable.ts';

/** A handler of Lambda: `(event, context)`, `(event, context, callback)`, or `(event, responseStream, context)`. */
export type LambdaHandler = (...args: never[]) => unknown;

/**
 * Returns a handler of the same type that runs in the trace of what invoked it. HTTP requests have a SERVER span of the stable HTTP
 * conventions; records of SQS and SNS and events of EventBridge a CONSUMER span `process {source}`; any other invocation a SERVER span
 * with the function's name. Before it answers, ended spans are exported. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * export const handler = traceLambda(async (event: SQSEvent) => {
 *   for (const record of event.Records) await runWith(record, () => analyse(record));
 * });
 * ```
 */
export function traceLambda<H extends LambdaHandler>(handler: H, options?: LambdaOptions): H {
  const settings = lambdaSettings(options);
  if (typeof handler !== 'function') {
    throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', '`traceLambda` takes the handler of a Lambda function.');
  }
  if (wrapped(handler)) {
    warnIfRewrapped(handler, settings.hop);
    return handler;
  }
  const target = handler as unknown as Handler;
  // Lambda looks at how many parameters a handler has: from Node 24 on it takes none with a callback.
  const wrapper =
    target.length >= 3
      ? function (this: unknown, event: unknown, context: unknown, callback: unknown, ...rest: unknown[]): unknown {
          return invoke(this, [event, context, callback, ...rest], target, settings);
        }
      : function (this: unknown, ...args: unknown[]): unknown {
          return invoke(this, args, target, settings);
        };
  // `streamifyResponse` marks a handler by a member of its own.
  for (const key of Reflect.ownKeys(target)) {
    if (Object.hasOwn(wrapper, key)) continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(target, key) as PropertyDescriptor);
  }
  return markWrapped(wrapper, settings.hop) as unknown as H;
}

type Handler = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result?: unknown) => unknown;

function invoke(self: unknown, args: unknown[], handler: Handler, settings: LambdaSettings): unknown {
  const [event, second, third] = args;
  const call = (changed: unknown, ...rest: unknown[]): unknown => Reflect.apply(handler, self, [changed, ...rest]);
  if (isIgnored(event, settings)) return call(...(args as [unknown, ...unknown[]]));
  if (isResponseStream(second)) return invokeStreaming(event, second, args, call, settings);
  if (handler.length >= 3 && typeof third === 'function') {
    return invokeCallback(event, args, third as Callback, call, settings);
  }
  const { result, flushed } = run(event, second, (changed) => call(changed, ...args.slice(1)), settings);
  if (isThenable(result)) return answered(result, flushed);
  // With a callback Lambda does not take what is returned, and waits for what is under way; without one, from Node 24 on, it is the answer.
  if (typeof third !== 'function' && settings.flushes) return answered(result, flushed);
  void flushed();
  return result;
}

// A handler of this form answers by its callback; an async one may also answer by its promise.
function invokeCallback(
  event: unknown,
  args: unknown[],
  callback: Callback,
  call: Handler,
  settings: LambdaSettings,
): unknown {
  let returned: { readonly value: unknown } | undefined;
  const { result, flushed } = run(
    event,
    args[1],
    (changed) =>
      new Promise((resolve, reject) => {
        const own: Callback = (error, value) => {
          if (error === undefined || error === null) resolve(value);
          else reject(error);
        };
        const value = call(changed, args[1], own, ...args.slice(3));
        returned = { value };
        if (isThenable(value)) value.then(resolve, reject);
      }),
    settings,
  );
  const answer = answered(result, flushed);
  // Not called at all, refused or failed at once, or a promise: Lambda waits for one.
  if (returned === undefined || isThenable(returned.value)) return answer;
  answer.then(
    (value) => callback(null, value),
    (error: unknown) => callback(error),
  );
  return returned.value;
}

function invokeStreaming(
  event: unknown,
  stream: ResponseStream,
  args: unknown[],
  call: Handler,
  settings: LambdaSettings,
): unknown {
  const ended = streamEnd(stream);
  // What a handler that failed leaves of it is nobody's.
  ended.catch(() => {});
  const { result, flushed } = run(
    event,
    args[2],
    async (changed) => {
      const value = await call(changed, ...args.slice(1));
      await ended;
      return value;
    },
    settings,
    stream,
  );
  return answered(result, flushed);
}

async function answered(result: unknown, flushed: () => Promise<void>): Promise<unknown> {
  try {
    return await result;
  } finally {
    await flushed();
  }
}

interface Run {
  readonly result: unknown;
  /** Exports what has ended. */
  flushed(): Promise<void>;
}

// What is kept for the end of an invocation, and for an answer on its way. Milliseconds.
const RESERVE = 500;
const MARGIN = 100;

function run(
  event: unknown,
  context: unknown,
  call: (event: unknown) => unknown,
  settings: LambdaSettings,
  stream?: ResponseStream,
): Run {
  const kind = eventKind(event);
  const invocation = invocationOf(context, kind);
  const left = invocation.remaining();
  const flush = (): Promise<void> => settings.flush(Math.min(settings.flushTimeout, invocation.remaining() - MARGIN));
  // A function that is out of time is killed: its span ends before, and goes out.
  const timeout = left === Infinity ? undefined : Math.max(left - RESERVE, 1);
  const gaveUp = (): void => void flush();
  try {
    const result = runHop({ event: event as Loose, kind, invocation, timeout, gaveUp, call, stream }, settings);
    return { result, flushed: flush };
  } catch (error) {
    if (!settings.flushes) throw error;
    // Thrown at once it would be answered, and the function frozen, before anything went out.
    return { result: Promise.reject(error), flushed: flush };
  }
}

function isIgnored(event: unknown, { options }: LambdaSettings): boolean {
  try {
    return (options.ignore as ((event: unknown) => unknown) | undefined)?.(event) === true;
  } catch (error) {
    warnOnce('lambda-ignore', `the \`ignore\` option threw, so the invocation is traced: ${textOf(error)}`);
    return false;
  }
}

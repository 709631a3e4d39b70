import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, startOutbound, w3cFields } from '@throughline/core/adapter';
import type { HopSettings, Outcome, Sending } from '@throughline/core/adapter';
import { abortedOutcome } from '@throughline/core/http';
import type { UrlRedaction } from '@throughline/core/http';
import { statusOutcome } from '../http-client-span.ts';
import { guardRedirects } from '../redirects.ts';
import { failed } from './client-request.ts';
import { whenHeadersSeen } from './headers-seen.ts';
import { httpCall } from './http-call.ts';
import type { HttpCall } from './http-call.ts';
import { LentContext } from './lent-context.ts';
import { hopOf } from './traced-request.ts';

/** The config of a call, as far as an adapter of ours reads it. */
export interface AxiosConfig {
  readonly url?: unknown;
  readonly baseURL?: unknown;
  readonly params?: unknown;
  readonly paramsSerializer?: unknown;
  readonly allowAbsoluteUrls?: unknown;
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly adapter?: unknown;
  readonly signal?: unknown;
  readonly beforeRedirect?: unknown;
}

type Method = (...args: unknown[]) => unknown;

/** What makes the requests of axios. */
export type Adapter = (config: AxiosConfig) => Promise<unknown>;

/** What makes the request of one call. */
export interface Sender {
  readonly send: Adapter;
  /** What its config has other than the caller's. */
  readonly replaced?: object;
}

/** How the calls of an instance are traced. */
export interface AxiosTracing {
  readonly settings: HopSettings;
  readonly redact: UrlRedaction;
}

const isOurs = Symbol('throughline');

/** Whether this is an adapter that {@link tracedAdapter} made. */
export function isTracedAdapter(adapter: unknown): boolean {
  return typeof adapter === 'function' && isOurs in adapter;
}

/**
 * Returns the adapter for one call of axios. All that it knows of an attempt is in that attempt: the config comes back to the user in
 * a response or an error, as it was, and may be sent again. Then this adapter is in it, which is how an attempt is known to be one more.
 */
export function tracedAdapter(
  resolve: (config: AxiosConfig) => Sender,
  uri: (config: AxiosConfig) => string | undefined,
  tracing: AxiosTracing,
): Adapter {
  const { settings } = tracing;
  // What was sent last, and how often before: of what has come out well, another one is none of its attempts.
  const last = { call: '', sent: 0, isOver: true };

  const adapter = async (config: AxiosConfig): Promise<unknown> => {
    const { send, replaced } = resolve(config);
    const caller = contextApi.active();
    const call = callOf(config, uri);
    if (call === undefined) return sendCopy(send, copyOf(config, replaced), config);
    const named = `${call.method} ${call.full}`;
    if (last.isOver || last.call !== named) last.sent = 0;
    last.call = named;
    last.isOver = false;

    const attempt: { end(outcome: Outcome): void } = { end: () => {} };
    let refusal: unknown;
    let first: Sending | undefined;
    /** Starts the hop of one request of the attempt, and returns its headers. */
    const start = (asked: HttpCall): unknown => {
      const sending = startOutbound({ ...hopOf(asked, tracing, last.sent), context: caller }, settings);
      if (sending.refused !== undefined) {
        sending.end();
        refusal = sending.error;
        throw sending.error;
      }
      last.sent++;
      first ??= sending;
      const forget = whenHeadersSeen(settings.spans ? sending.fields['traceparent'] : undefined, (status, answer) => {
        sending.answered(answer(answerField));
        sending.end(statusOutcome(status));
      });
      attempt.end = (outcome) => {
        forget();
        sending.end(outcome);
      };
      return asked.headers(sending);
    };

    const headers = start(call);
    const sending = first as unknown as Sending;
    const guard = guardRedirects(sending, settings);
    const own = config.beforeRedirect;
    const limited = withDeadline(config.signal, sending.signal);
    const lent = new LentContext(sending.inner, caller);
    const copy = copyOf(config, {
      ...replaced,
      ...limited.config,
      ...boundCallbacks(config, caller),
      headers: Object.assign<object, unknown>(likeOf(config.headers), headers),
      beforeRedirect(this: unknown, options: Record<string, unknown>, response: unknown, ...rest: unknown[]): void {
        if (typeof own === 'function') contextApi.with(caller, own as Method, this, options, response, ...rest);
        const { statusCode } = Object(response) as { statusCode?: unknown };
        attempt.end(typeof statusCode === 'number' ? statusOutcome(statusCode) : {});
        const next = httpCall([options], 'http:');
        if (next !== undefined) options['headers'] = start(next);
      },
    });
    try {
      const response = await contextApi.with(lent, sendCopy, undefined, send, copy, config);
      last.isOver = true;
      attempt.end(responseOutcome(response));
      return response;
    } catch (error) {
      if (refusal !== undefined) throw refusal;
      const expired = limited.expired();
      attempt.end(expired === undefined ? errorOutcome(error, config.signal) : failed(expired));
      throw expired ?? error;
    } finally {
      lent.giveBack();
      guard?.end();
      limited.release();
    }
  };
  adapter[isOurs] = true;
  return adapter;
}

/** Sends a copy of `config`, which shows in no answer: what the user gets is the user's, and may be sent again. */
async function sendCopy(send: Adapter, copy: AxiosConfig, config: AxiosConfig): Promise<unknown> {
  try {
    const response = await send(copy);
    standIn(response, config, copy);
    return response;
  } catch (error) {
    standIn(error, config, copy);
    throw error;
  }
}

/**
 * Has a response, or an error, say `config` where it says the copy. What an adapter has added to the headers, such as
 * `user-agent`, they show, as ever; not what is ours in them.
 */
function standIn(holder: unknown, config: AxiosConfig, copy: AxiosConfig): void {
  try {
    const { config: held, response } = Object(holder) as { config?: AxiosConfig; response?: unknown };
    if (held === copy) Reflect.set(holder as object, 'config', config);
    const own = Object(config.headers) as Record<string, unknown>;
    const headers = Object(copy.headers) as Record<string, unknown>;
    for (const name of Object.keys(headers)) {
      if (!Object.hasOwn(own, name) && !w3cFields.includes(name.toLowerCase())) own[name] = headers[name];
    }
    if (response !== undefined && response !== holder) standIn(response, config, copy);
  } catch {
    // A getter of the user's error threw.
  }
}

function callOf(config: AxiosConfig, uri: (config: AxiosConfig) => string | undefined): HttpCall | undefined {
  const { method, headers } = config;
  try {
    const asked = uri(config) ?? String(config.url);
    // It reaches nobody.
    if (/^\s*(?:data|blob|file):/i.test(asked)) return undefined;
    return httpCall([asked, { method: method ?? 'GET', headers }], 'http:');
  } catch {
    // axios reports what is wrong with it.
    return undefined;
  }
}

const callbacks = ['onUploadProgress', 'onDownloadProgress', 'validateStatus'] as const;

/** Returns what of a config axios calls while it waits, to run in the caller's context. */
function boundCallbacks(config: AxiosConfig, caller: Context): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  for (const name of callbacks) {
    const callback = (config as Record<string, unknown>)[name];
    if (typeof callback === 'function') bound[name] = bind(caller, callback as Method);
  }
  return bound;
}

// Not by the API, which also defines the function's length.
function bind(context: Context, fn: Method): Method {
  return (...args) => contextApi.with(context, fn, undefined, ...args);
}

/**
 * Returns a copy of a config, of the same prototype, with some members replaced. Name by name: a config of axios is a dictionary, of which
 * `Object.assign` makes a copy in three times as long.
 */
function copyOf(config: AxiosConfig, replaced: object | undefined): AxiosConfig {
  const copy = likeOf(config) as Record<PropertyKey, unknown>;
  for (const name of Object.keys(config)) copy[name] = (config as Record<string, unknown>)[name];
  for (const key of Object.getOwnPropertySymbols(config)) copy[key] = (config as Record<symbol, unknown>)[key];
  return Object.assign(copy, replaced);
}

/** Returns an empty object of the same prototype. */
function likeOf(object: unknown): object {
  return Object.create(object instanceof Object ? (Object.getPrototypeOf(object) as object) : null) as object;
}

interface Limited {
  /** What of the config it changes. */
  readonly config: { readonly signal?: AbortSignal };
  /** Returns why the call was aborted, where its deadline did it. */
  expired(): unknown;
  release(): void;
}

/** Returns a signal that also aborts at the deadline. By listeners: a signal of the user's need not be the platform's. */
function withDeadline(own: unknown, deadline: AbortSignal | undefined): Limited {
  if (deadline === undefined) return { config: {}, expired: () => undefined, release: () => {} };
  const controller = new AbortController();
  const release: (() => void)[] = [];
  let expired: unknown;
  const follow = (signal: AbortSignal, abort: () => void): void => {
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    release.push(() => signal.removeEventListener('abort', abort));
  };
  if (typeof (own as Partial<AbortSignal> | null | undefined)?.addEventListener === 'function') {
    follow(own as AbortSignal, () => controller.abort((own as AbortSignal).reason));
  }
  follow(deadline, () => {
    if (!controller.signal.aborted) expired = deadline.reason;
    controller.abort(deadline.reason);
  });
  return {
    config: { signal: controller.signal },
    expired: () => expired,
    release: () => release.forEach((off) => off()),
  };
}

function responseOutcome(response: unknown): Outcome {
  const { status } = Object(response) as { status?: unknown };
  return typeof status === 'number' ? statusOutcome(status) : {};
}

function errorOutcome(error: unknown, signal: unknown): Outcome {
  try {
    const { response, code, __CANCEL__: isCancelled } = Object(error) as Record<string, unknown>;
    const { status } = Object(response) as { status?: unknown };
    if (typeof status === 'number') return { failed: true, ...statusOutcome(status) };
    if (isCancelled !== true && code !== 'ERR_CANCELED') return failed(error, signal);
    const { reason } = Object(signal) as { reason?: unknown };
    return (Object(reason) as { name?: unknown }).name === 'TimeoutError' ? failed(reason) : abortedOutcome;
  } catch {
    // A getter of the user's error threw.
    return { errorType: '_OTHER' };
  }
}

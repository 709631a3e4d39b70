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

/** How the calls of an instance are traced. */
export interface AxiosTracing {
  readonly settings: HopSettings;
  readonly redact: UrlRedaction;
}

const ours = new WeakSet<object>();

/** Whether this is an adapter that {@link tracedAdapter} made. */
export function isTracedAdapter(adapter: unknown): boolean {
  return typeof adapter === 'function' && ours.has(adapter);
}

/**
 * Returns the adapter for one call of axios. All that it knows of an attempt is in that attempt: the config comes back to the user in
 * a response or an error, as it was, and may be sent again. Then this adapter is in it, which is how an attempt is known to be one more.
 */
export function tracedAdapter(
  resolve: (config: AxiosConfig) => Adapter,
  uri: (config: AxiosConfig) => string | undefined,
  tracing: AxiosTracing,
): Adapter {
  const { settings } = tracing;
  // What was sent last, and how often before: of what has come out well, another one is none of its attempts.
  const last = { call: '', sent: 0, isOver: true };

  const adapter: Adapter = async (config) => {
    const send = resolve(config);
    const caller = contextApi.active();
    const call = callOf(config, uri);
    if (call === undefined) return send(config);
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
    const lent = new LentContext(sending.inner);
    const copy: AxiosConfig = Object.assign(likeOf(config), config, {
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
      const response = await contextApi.with(lent, send, undefined, copy);
      last.isOver = true;
      standIn(response, config, copy);
      attempt.end(responseOutcome(response));
      return response;
    } catch (error) {
      standIn(error, config, copy);
      if (refusal !== undefined) throw refusal;
      const expired = limited.expired();
      attempt.end(expired === undefined ? errorOutcome(error, config.signal) : failed(expired));
      throw expired ?? error;
    } finally {
      lent.giveBack(caller);
      guard?.end();
      limited.release();
    }
  };
  ours.add(adapter);
  return adapter;
}

/**
 * Has a response, or an error, say `config` where it says the config that stood in for it: what the user gets is the user's, and may be
 * sent again. What an adapter has added to the headers, such as `user-agent`, it shows, as ever; not what is `ours` in them.
 */
export function standIn(holder: unknown, config: AxiosConfig, copy?: AxiosConfig): void {
  try {
    const { config: held, response } = Object(holder) as { config?: AxiosConfig; response?: unknown };
    if (held !== undefined && held !== config && (copy === undefined || held === copy)) {
      Reflect.set(holder as object, 'config', config);
    }
    const { headers } = copy ?? held ?? {};
    const isOurs = (name: string): boolean => copy !== undefined && w3cFields.includes(name.toLowerCase());
    for (const [name, value] of Object.entries(Object(headers) as object)) {
      const own = Object(config.headers) as object;
      if (!Object.hasOwn(own, name) && !isOurs(name)) Reflect.set(own, name, value);
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
    if (typeof callback === 'function') bound[name] = contextApi.bind(caller, callback);
  }
  return bound;
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

import { ThroughlineError } from '@throughline/core';
import { guarded, unpatched } from '@throughline/core/adapter';
import { follow } from '../follow.ts';
import type { CallRequest } from '../model/request.ts';
import { loose } from '../model/said.ts';
import type { Loose } from '../model/said.ts';
import { followingOf, startCall } from '../model/start-call.ts';
import type { CallModelOptions } from '../model/start-call.ts';

/** A client of a provider: `OpenAI`, `AzureOpenAI`, `Anthropic` and their like. */
export interface ClientLike {
  readonly baseURL: string;
  /** Returns another client of the same class with other options. */
  withOptions(options: never): unknown;
}

/** What a client has, as it is found. */
export type Client = Record<string, unknown> & {
  withOptions(options: object): Client;
};

/** What a group of methods has, such as `client.chat.completions`. */
export type Resource = Record<string, unknown>;

type Method = (...args: unknown[]) => unknown;

// Same in every loaded copy of this package.
const brand = Symbol.for('throughline.agent.client');

/**
 * Returns a client of the same class that `dress` has made ours; `client` stays as it is. What `withOptions` of it returns is ours too. One that
 * is ours already comes back. Throws a `ThroughlineError` for what is no such client.
 */
export function tracedClient<C extends ClientLike>(client: C, takes: string, dress: (fresh: Client) => void): C {
  const given = client as unknown as Client;
  if (loose(client)[brand as unknown as string] === true) return client;
  if (typeof (client as Partial<C> | null | undefined)?.withOptions !== 'function') {
    throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', takes);
  }
  const dressed = (fresh: Client): Client => {
    const { withOptions } = fresh;
    replace(fresh, 'withOptions', (options: object) => dressed(withOptions.call(fresh, options)));
    replace(fresh, brand, true);
    dress(fresh);
    return fresh;
  };
  return dressed(given.withOptions({})) as unknown as C;
}

/** Returns the resource of a client at a path, or `undefined` where this version has none. */
export function resourceAt(client: object, path: readonly string[]): Resource | undefined {
  let at: unknown = client;
  for (const name of path) at = loose(at)[name];
  return typeof at === 'object' && at !== null ? (at as Resource) : undefined;
}

/**
 * Makes the calls of a method calls of a model. The resource's other methods, which call this one, are covered by it. What the request says
 * is read by `request`; the method runs on `sender`.
 */
export function traceMethod(
  resource: Resource,
  name: string,
  request: (body: Loose) => CallRequest,
  options: CallModelOptions | undefined,
  sender: Resource = resource,
): void {
  // Its own, where a subclass put one there; else that of the class, as it is when it is called: it may be patched later.
  const own = Object.hasOwn(sender, name) ? sender[name] : undefined;
  // Under all layers of instrumentations: below a call of ours each would count its tokens a second time, on a span and in metrics.
  const methodOf = (): unknown => unpatched(own ?? loose(Object.getPrototypeOf(sender))[name]);
  if (typeof methodOf() !== 'function') return;
  replace(resource, name, (...args: unknown[]): unknown => {
    const started = startCall(requestOf(request, args[0]), options);
    if (started.refused !== undefined) throw started.refused;
    return follow(() => Reflect.apply(methodOf() as Method, sender, args), followingOf(started));
  });
}

const NO_REQUEST: CallRequest = { model: undefined };

function requestOf(read: (body: Loose) => CallRequest, body: unknown): CallRequest {
  let request = NO_REQUEST;
  // A getter of the user's may throw. The client is to meet it, not we.
  guarded('content', () => (request = read(loose(body))));
  return request;
}

/** Puts a member over that of the class. Nobody who lists the object's members sees it. */
export function replace(object: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
}

/** A JSON-RPC id. 0 and '0' are two ids. */
export type RequestId = string | number;

/** A JSON-RPC message as far as it is looked at here; everything in it may come from outside. */
export interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** What a transport tells about a message that it received: SDK v1 has `requestInfo`, v2 has the web `Request`. */
export interface MessageExtra {
  readonly authInfo?: unknown;
  readonly requestInfo?: { readonly headers?: unknown };
  readonly request?: { readonly headers?: unknown; readonly signal?: { readonly aborted: boolean } };
}

export type ObjectValue = Readonly<Record<string, unknown>>;

/** Whether `value` is a JSON object. */
export function isObject(value: unknown): value is ObjectValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` is an id that a request may have. */
export function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || typeof value === 'number';
}

/** Returns the `_meta` of a message's params where it is an object. */
export function metaOf(params: unknown): ObjectValue | undefined {
  if (!isObject(params)) return undefined;
  const meta = params['_meta'];
  return isObject(meta) ? meta : undefined;
}

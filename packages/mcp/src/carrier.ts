import { SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, inboundContext, metaFields, outboundFields, writeRecord } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { MCP } from './conventions.ts';
import { handlerHeaders, isAuthenticated } from './http-request.ts';
import { isObject } from './message.ts';
import type { Message } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { McpOptions } from './options.ts';

/**
 * Returns a copy of `_meta` with the fields of the active context under the unprefixed keys of SEP-414; `meta` itself is not
 * changed. For requests that do not pass through a traced transport. The peer counts as a third party, to whom no baggage
 * goes, unless `peer` or `firstParty` says otherwise. Throws a `LineageError` where `lineage` is enforced and the chain is past
 * a limit.
 *
 * @example
 * ```ts
 * await client.callTool({ name: 'search', arguments: { query }, _meta: injectMeta() });
 * ```
 */
export function injectMeta(meta?: Readonly<Record<string, unknown>>, options?: McpOptions): Record<string, unknown> {
  const { hop, given } = rememberedSettings(options);
  const target = { transport: MCP, channel: given.peer?.channel ?? 'process', host: given.peer?.host } as const;
  const sending = outboundFields(
    { transport: MCP, name: 'inject', kind: SpanKind.CLIENT, target, carrier: meta, reader: metaFields },
    hop,
  );
  return writeRecord(meta, sending, 'meta');
}

/**
 * Returns the context that a request offers, under the inbound policy: run work in it with `context.with`. Takes a `_meta`
 * object, or the last argument of a handler (`extra` of SDK v1, `ctx` of v2). Without a valid `traceparent` it is a context
 * without a span. Never throws, whatever is in there, and refuses nothing: no work has been asked for yet.
 */
export function extractContext(metaOrExtra: unknown, options?: McpOptions): Context {
  const { hop, given } = rememberedSettings(options);
  const channel = given.peer?.channel ?? (isLocalCall(metaOrExtra) ? 'process' : 'host');
  return inboundContext(
    {
      transport: MCP,
      name: 'extract',
      kind: SpanKind.SERVER,
      carrier: handlerMeta(metaOrExtra),
      reader: metaFields,
      channel,
      insideRequest: channel === 'host',
      peer: { authenticated: isAuthenticated(metaOrExtra), request: metaOrExtra },
    },
    hop,
  );
}

// A handler's last argument tells of the HTTP request, where there was one. A `_meta` alone may have come from anywhere.
function isLocalCall(metaOrExtra: unknown): boolean {
  return isHandlerArgument(metaOrExtra) && handlerHeaders(metaOrExtra) === undefined;
}

/** Returns the `_meta` of a request, given that or the last argument of a handler. */
export function handlerMeta(metaOrExtra: unknown): unknown {
  if (!isObject(metaOrExtra)) return undefined;
  const request = metaOrExtra['mcpReq'];
  if (isObject(request)) return request['_meta'];
  return isHandlerArgument(metaOrExtra) ? metaOrExtra['_meta'] : metaOrExtra;
}

function isHandlerArgument(value: unknown): boolean {
  return isObject(value) && ('mcpReq' in value || ('requestId' in value && 'signal' in value));
}

/**
 * Returns a copy of a message with the fields of a hop in its `params._meta`, or the message itself where there is nothing
 * to write or its params are malformed, which is for the SDK to say.
 */
export function withFields<M extends Message>(message: M, sending: Sending): M {
  const params: unknown = message.params;
  if (params !== undefined && !isObject(params)) return message;
  const meta = params?.['_meta'];
  if (meta === undefined) {
    // Spread keeps a `__proto__` key a key; nothing of the caller's is changed, and no two messages share a `_meta`.
    if (sending.mode === 'strip' || isEmpty(sending.fields)) return message;
    return { ...message, params: { ...params, _meta: { ...sending.fields } } };
  }
  if (!isObject(meta)) return message;
  return { ...message, params: { ...params, _meta: writeRecord(meta, sending, 'meta') } };
}

/**
 * Returns a copy of send options with the fields of a hop in `headers`, or the options themselves where there is nothing to write
 * or they are malformed, which is for the SDK to say.
 */
export function withHeaders(options: unknown, sending: Sending): unknown {
  if (options !== undefined && !isObject(options)) return options;
  const headers = options?.['headers'];
  if (headers === undefined) {
    if (sending.mode === 'strip' || isEmpty(sending.fields)) return options;
    return { ...options, headers: { ...sending.fields } };
  }
  return isObject(headers) ? { ...options, headers: writeRecord(headers, sending, 'http') } : options;
}

/**
 * Returns a copy of an answer that tells the requester the new context of its restarted trace, in `result._meta.traceresponse`,
 * or the message itself where there is none to tell or no result.
 */
export function withAnswer<M extends Message>(message: M, answer: string | undefined): M {
  const { result } = message;
  if (answer === undefined || !isObject(result)) return message;
  const meta = result['_meta'];
  if (meta !== undefined && !isObject(meta)) return message;
  return { ...message, result: { ...result, _meta: { ...meta, [answerField]: answer } } };
}

/** Returns the `traceresponse` of an answer, whatever it is. */
export function answerIn({ result }: Message): unknown {
  const meta = isObject(result) ? result['_meta'] : undefined;
  return isObject(meta) ? meta[answerField] : undefined;
}

function isEmpty(record: object): boolean {
  for (const _key in record) return false;
  return true;
}

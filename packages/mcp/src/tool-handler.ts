import { ThroughlineError } from '@throughline/core';
import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import {
  httpHeaders,
  markWrapped,
  metaFields,
  optionError,
  runInbound,
  warnIfRewrapped,
  wrapped,
} from '@throughline/core/adapter';
import type { InboundHop } from '@throughline/core/adapter';
import { handlerMeta, withAnswer } from './carrier.ts';
import { addRequest, resultAttributes } from './content.ts';
import { ATTR_JSONRPC_REQUEST_ID, MCP } from './conventions.ts';
import { handlerHeaders, isAuthenticated } from './http-request.ts';
import { isId, isObject } from './message.ts';
import type { Measured } from './metrics.ts';
import { operationOf, outcomeOf, requestId } from './operation.ts';
import type { Operation } from './operation.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions } from './options.ts';
import { refusedResult } from './refusal.ts';

/** The options of {@link traceToolHandler}. */
export interface ToolHandlerOptions extends McpOptions {
  /** The tool's name, which a handler is not told. */
  readonly name: string;
}

/**
 * Returns a tool handler of the same type that runs in a SERVER span under the context that the request's `_meta` offers. For a
 * server that you cannot wrap; where its transport is traced already, this would be a second span. What the handler throws
 * comes out as the same object. A call that its chain's limits refuse is answered with `isError`, and the handler not called.
 *
 * @example
 * ```ts
 * server.registerTool('add', config, traceToolHandler(add, { name: 'add' }));
 * ```
 */
export function traceToolHandler<F extends (...args: never[]) => unknown>(handler: F, options: ToolHandlerOptions): F {
  if (typeof handler !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`traceToolHandler` takes the function of a tool: traceToolHandler(add, { name: 'add' }).",
    );
  }
  const { hop, durations, record } = mcpSettings(options, ['name']);
  const name: unknown = options?.name;
  if (typeof name !== 'string' || name === '') {
    throw optionError('name', "the tool's name, as it is registered, such as { name: 'add' }", name);
  }
  if (wrapped(handler)) {
    warnIfRewrapped(handler, hop);
    return handler;
  }
  const operation = operationOf('tools/call', { name });
  const traced = function (this: unknown, ...args: never[]): unknown {
    // SDK v1 and v2 both hand it over last, after the arguments where the tool takes any.
    const extra: unknown = args.at(-1);
    const inbound = inboundOf(operation, extra);
    return runInbound<unknown>(inbound, hop, {
      describe: (span) => {
        const attributes: Attributes = { [ATTR_JSONRPC_REQUEST_ID]: requestId(idOf(extra)) };
        if (record !== undefined)
          addRequest(attributes, record, 'tools/call', { name, arguments: args.length > 1 ? args[0] : undefined });
        span.setAttributes(attributes);
      },
      work: ({ answer }) => answered(handler.apply(this, args), answer),
      outcome: (result) => {
        const outcome = outcomeOf({ result }, 'tools/call', 'server');
        const content = record === undefined ? undefined : resultAttributes(record, result, name);
        return content === undefined ? outcome : { ...outcome, attributes: { ...outcome?.attributes, ...content } };
      },
      measure: hop.spans ? durations.request('server', operation, unknown) : undefined,
      refused: (refused) => Promise.resolve(refusedResult(refused, inbound.carrier)),
    });
  };
  return markWrapped(traced, hop) as F;
}

// Nothing is known of the connection.
const unknown: Measured = { attributes: [], version: undefined };

function inboundOf(operation: Operation, extra: unknown): InboundHop {
  const headers = handlerHeaders(extra);
  return {
    transport: MCP,
    name: operation.name,
    kind: SpanKind.SERVER,
    attributes: operation.attributes,
    carrier: handlerMeta(extra),
    reader: metaFields,
    http: headers === undefined ? undefined : 'payload',
    fallback: headers === undefined ? undefined : { carrier: headers, reader: httpHeaders },
    peer: { name: 'tools/call', authenticated: isAuthenticated(extra), request: extra },
  };
}

// A result that tells the requester the new context of its restarted trace. The SDK awaits whatever a handler returns.
function answered(result: unknown, answer: string | undefined): unknown {
  if (answer === undefined) return result;
  const tell = (told: unknown): unknown => withAnswer({ result: told }, answer).result;
  return isThenable(result) ? Promise.resolve(result).then(tell) : tell(result);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function idOf(extra: unknown): string {
  if (!isObject(extra)) return '';
  const request = extra['mcpReq'];
  const id = isObject(request) ? request['id'] : extra['requestId'];
  return isId(id) ? String(id) : '';
}

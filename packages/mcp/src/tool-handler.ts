import { context, SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import {
  httpHeaders,
  markWrapped,
  metaFields,
  optionError,
  startInbound,
  warnIfRewrapped,
  wrapped,
} from '@throughline/core/adapter';
import type { InboundHop, Outcome } from '@throughline/core/adapter';
import { handlerMeta, withAnswer } from './carrier.ts';
import { addRequest, resultAttributes } from './content.ts';
import { ATTR_JSONRPC_REQUEST_ID, MCP } from './conventions.ts';
import { handlerHeaders, isAuthenticated } from './http-request.ts';
import { isId, isObject } from './message.ts';
import type { Measured } from './metrics.ts';
import { failure, operationOf, outcomeOf, requestId } from './operation.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions } from './options.ts';
import { refusedOutcome, refusedResult } from './refusal.ts';

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
    const headers = handlerHeaders(extra);
    const inbound: InboundHop = {
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
    const timing = hop.spans ? durations.start('server', operation, unknown) : undefined;
    const received = startInbound(inbound, hop);
    if (hop.spans && received.span.isRecording()) {
      const more: Attributes = { [ATTR_JSONRPC_REQUEST_ID]: requestId(idOf(extra)) };
      if (record !== undefined)
        addRequest(more, record, 'tools/call', { name, arguments: args.length > 1 ? args[0] : undefined });
      received.span.setAttributes(more);
    }
    if (received.refused !== undefined) {
      received.end();
      timing?.end(refusedOutcome(received), received.context);
      return Promise.resolve(refusedResult(received, inbound.carrier));
    }
    const end = (outcome: Outcome | undefined, answered?: unknown): void => {
      const content = record === undefined ? undefined : resultAttributes(record, answered, name);
      received.end(
        content === undefined ? outcome : { ...outcome, attributes: { ...outcome?.attributes, ...content } },
      );
      timing?.end(outcome, received.context);
    };
    let result: unknown;
    let later: boolean;
    try {
      result = context.with(received.context, () => handler.apply(this, args));
      later = isThenable(result);
    } catch (error) {
      end(failure(error));
      throw error;
    }
    const { answer } = received;
    return later ? settled(result, answer, end) : ended(result, answer, end);
  };
  return markWrapped(traced, hop) as F;
}

// Nothing is known of the connection.
const unknown: Measured = { attributes: [], version: undefined };

type End = (outcome: Outcome | undefined, answered?: unknown) => void;

// Whatever can be awaited: the SDK awaits what a handler returns.
function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

async function settled(thenable: unknown, answer: string | undefined, end: End): Promise<unknown> {
  let result: unknown;
  try {
    result = await thenable;
  } catch (error) {
    end(failure(error));
    throw error;
  }
  return ended(result, answer, end);
}

function ended(result: unknown, answer: string | undefined, end: End): unknown {
  end(outcomeOf({ result }, 'tools/call', 'server'), result);
  return withAnswer({ result }, answer).result;
}

function idOf(extra: unknown): string {
  if (!isObject(extra)) return '';
  const request = extra['mcpReq'];
  const id = isObject(request) ? request['id'] : extra['requestId'];
  return isId(id) ? String(id) : '';
}

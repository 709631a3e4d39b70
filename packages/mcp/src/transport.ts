import { asTarget, viewOf, warnIfRewrapped, wrapped } from '@throughline/core';
import { Connection } from './connection.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions, McpSettings } from './options.ts';
import type { Handler, TracedTransport } from './wire.ts';

/** What every MCP transport of both SDKs has. */
export interface TransportLike {
  start(): Promise<void>;
  send(message: never, options?: never): Promise<void>;
  close(): Promise<void>;
}

/**
 * Returns a transport of the same type whose messages are traced in both directions: requests have spans and carry their
 * context in `params._meta` (SEP-414), answers and progress come back in the context of the caller. Hand it to `connect`.
 * Messages are copied, never changed. A transport that is traced already is returned as it is.
 *
 * @example
 * ```ts
 * await client.connect(traceTransport(new StdioClientTransport({ command: 'node', args: ['server.js'] })));
 * ```
 */
export function traceTransport<T extends TransportLike>(transport: T, options?: McpOptions): T {
  return tracedTransport(transport, mcpSettings(options));
}

// Under which the installed `onmessage` names the handler that it stands for.
const handlerKey = Symbol.for('throughline.mcp.handler');

/** @internal The property of a traced transport that counts its requests that are not answered yet, for tests. */
export const inFlightKey: unique symbol = Symbol('throughline.mcp.inFlight');

/** Returns a transport traced with settings that are checked already. */
export function tracedTransport<T extends object>(transport: T, settings: McpSettings): T {
  // v2's serveStdio() hands a server a channel over the transport: traced once is enough.
  if (wrapped(transport) || wrapped((transport as { _wire?: unknown })._wire)) {
    warnIfRewrapped(transport, settings.hop);
    return transport;
  }
  const target = transport as T & TracedTransport;
  const connection = new Connection(target, settings);
  let onclose: (() => void) | undefined;

  let send: unknown = (message: unknown, options?: unknown): Promise<void> => connection.send(message, options);
  const received: Handler = (message, extra) => connection.receive(message, extra);
  Object.defineProperty(received, handlerKey, { get: () => connection.handler });
  const closed = (): void => {
    connection.close();
    onclose?.call(target);
  };
  // From the first handler on, the end of the transport is seen, whether or not anybody else wants to know.
  const watchClose = (): void => {
    if (target.onclose === closed) return;
    onclose = target.onclose;
    target.onclose = closed;
  };

  const members = {
    get(property: PropertyKey): unknown {
      switch (property) {
        case 'send':
          return send;
        // Asked for with every request, so it takes no detour.
        case 'sessionId':
          return target.sessionId;
        case 'onmessage':
          return (target.onmessage as { [handlerKey]?: Handler } | undefined)?.[handlerKey] ?? target.onmessage;
        case 'onclose':
          return target.onclose === closed ? onclose : asTarget;
        case inFlightKey:
          return connection.unanswered;
        default:
          return asTarget;
      }
    },
    set(property: PropertyKey, value: unknown): boolean {
      switch (property) {
        // Not on the target: it most often calls the one that it stands for, and that one calls the target's.
        case 'send':
          send = value;
          return true;
        case 'onmessage':
          watchClose();
          connection.handler = value as Handler | undefined;
          // Some transports keep what arrives until there is a handler.
          target.onmessage = connection.handler === undefined ? undefined : received;
          return true;
        case 'onclose':
          watchClose();
          onclose = value as (() => void) | undefined;
          return true;
        default:
          return false;
      }
    },
  };
  return viewOf(transport, members, settings.hop);
}

import { ThroughlineError } from '@throughline/core';
import { asTarget, viewOf, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import type { Members } from '@throughline/core/adapter';
import { Connection } from './connection.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions, McpSettings } from './options.ts';
import { servesHttp } from './peer.ts';
import type { Handler, TracedTransport } from './connection-state.ts';

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
  const { start, send, close } = (transport ?? {}) as Partial<TransportLike>;
  if (typeof start !== 'function' || typeof send !== 'function' || typeof close !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`traceTransport` takes a transport, such as `new StdioClientTransport({ command: 'node', args: ['server.js'] })`.",
    );
  }
  return tracedTransport(transport, mcpSettings(options));
}

// Under which the installed `onmessage` names the handler that it stands for.
const handlerKey = Symbol.for('throughline.mcp.handler');

/** @internal The property of a traced transport that counts its requests that are not answered yet, for tests. */
export const inFlightKey: unique symbol = Symbol('throughline.mcp.inFlight');

/** Returns a transport traced with settings that are checked already. */
export function tracedTransport<T extends object>(transport: T, settings: McpSettings): T {
  return isTraced(transport, settings)
    ? transport
    : viewOf(transport, tracedMembers(transport, settings), settings.hop);
}

// What stands for a traced transport at its protocol, and that transport.
const viewBehind = new WeakMap<object, object>();

/**
 * Returns what a client or server gets for a transport: an heir of the traced one that has what the protocol asks for with every
 * message as members of its own. To ask a Proxy costs ten times as much. The protocol alone sees it: see {@link transportOf}.
 */
export function protocolTransport(transport: object, settings: McpSettings): object {
  if (isTraced(transport, settings)) return transport;
  const members = tracedMembers(transport, settings);
  const view = viewOf(transport, members, settings.hop);
  // Most serve one request, or a few: to make an heir takes more than it would save, half of what it costs to trace such a server.
  if (servesHttp(transport)) return view;
  // v2 probes a stdio server in a process of its own, but only where this is what the transport's prototype has.
  if (Object.hasOwn((Object.getPrototypeOf(transport) ?? {}) as object, '_dispose')) return view;
  const own = (name: 'send' | 'sessionId'): PropertyDescriptor => ({
    get: () => members.get(name),
    set: (value: unknown) => void Reflect.set(view, name, value),
    configurable: true,
  });
  const heir = Object.create(view, { send: own('send'), sessionId: own('sessionId') }) as object;
  viewBehind.set(heir, view);
  return heir;
}

/** Returns the traced transport that a client or server got an heir of, or what else it has for a transport. */
export function transportOf(held: unknown): unknown {
  return typeof held === 'object' && held !== null ? (viewBehind.get(held) ?? held) : held;
}

function isTraced(transport: object, settings: McpSettings): boolean {
  // v2's serveStdio() hands a server a channel over the transport: traced once is enough.
  if (!wrapped(transport) && !wrapped((transport as { _wire?: unknown })._wire)) return false;
  warnIfRewrapped(transport, settings.hop);
  return true;
}

function tracedMembers(transport: object, settings: McpSettings): Members {
  const target = transport as TracedTransport;
  const connection = new Connection(target, settings);
  let onclose: (() => void) | undefined;

  let send: unknown = (message: unknown, options?: unknown): Promise<void> => connection.send(message, options);
  const received: Handler = (message, extra) => connection.receive(message, extra);
  let closing: { readonly of: TracedTransport['close']; readonly close: unknown } | undefined;
  // v2 puts another `close` in its place for a while, and then ours again.
  let closeIsAssigned = false;
  const closeOf = (of: TracedTransport['close']): unknown => {
    if (closing?.of !== of) {
      const apply = (_: unknown, __: unknown, args: []): Promise<void> => {
        connection.leave();
        return Reflect.apply(of, target, args);
      };
      closing = { of, close: new Proxy(of, { apply }) };
    }
    return closing.close;
  };
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

  return {
    get(property) {
      switch (property) {
        case 'send':
          return send;
        case 'close':
          return closeIsAssigned ? asTarget : closeOf(target.close);
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
    set(property, value) {
      switch (property) {
        // Not on the target: it most often calls the one that it stands for, and that one calls the target's.
        case 'send':
          send = value;
          return true;
        case 'close':
          closeIsAssigned = true;
          return false;
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
}

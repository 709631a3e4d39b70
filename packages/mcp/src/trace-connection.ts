import { ThroughlineError } from '@throughline/core';
import {
  asTarget,
  markWrapped,
  unmarkWrapped,
  viewOf,
  warnIfRewrapped,
  warnOnce,
  wrapped,
} from '@throughline/core/adapter';
import { Connection } from './connection.ts';
import type { Handler, TracedTransport } from './connection-state.ts';
import { isObject } from './message.ts';
import { mcpSettings } from './options.ts';
import type { McpOptions, McpSettings } from './options.ts';

/** What a client or server of both SDKs has once it is connected; `McpServer` has it in its `server`. */
export interface ConnectedLike {
  readonly transport?: unknown;
  readonly server?: { readonly transport?: unknown } | undefined;
}

/**
 * Traces the connection of a client or server that is connected already, in place, as {@link traceTransport} does it before: for
 * who gets a connected client of a framework and never sees its transport. Returns a function that undoes it; what is not
 * answered by then is traced to its end. A connection that is traced already stays as it is. It ends with the connection: what
 * connects next is another one, and `diag` says so once. Throws a `ThroughlineError` for what is not connected.
 *
 * @example
 * ```ts
 * for (const name of ['search', 'library']) traceConnection(await multiServerClient.getClient(name));
 * ```
 */
export function traceConnection(connected: ConnectedLike, options?: McpOptions): () => void {
  const settings = mcpSettings(options);
  const transport = transportIn(connected);
  if (transport === undefined) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceConnection` takes a client or server that is connected, such as `await multiServerClient.getClient(name)`. One that is not yet: traceClient(client) or traceServer(server), and connect what it returns.',
    );
  }
  return traceInPlace(transport, settings);
}

/** Returns the transport of a client or server that is connected. */
export function transportIn(connected: unknown): TracedTransport | undefined {
  if (!isObject(connected)) return undefined;
  const { transport, server } = connected;
  if (isTransport(transport)) return transport;
  return isObject(server) && isTransport(server['transport']) ? server['transport'] : undefined;
}

function isTransport(value: unknown): value is TracedTransport {
  return isObject(value) && typeof value['send'] === 'function';
}

/** Traces a transport that is in use, in place. Returns what undoes it. */
export function traceInPlace(transport: TracedTransport, settings: McpSettings): () => void {
  if (wrapped(transport)) {
    warnIfRewrapped(transport, settings.hop);
    return () => {};
  }
  const before = {
    send: transport.send.bind(transport),
    ownSend: Object.getOwnPropertyDescriptor(transport, 'send'),
    onmessage: transport.onmessage,
    onclose: transport.onclose,
  };
  const below = viewOf(transport, { get: (property) => (property === 'send' ? before.send : asTarget) });
  const connection = new Connection(below, settings);
  connection.handler = before.onmessage;
  let undone = false;
  const restored = (): void => {
    if (transport.send === send) {
      if (before.ownSend === undefined) Reflect.deleteProperty(transport, 'send');
      else Object.defineProperty(transport, 'send', before.ownSend);
    }
    if (transport.onmessage === onmessage) transport.onmessage = before.onmessage;
    if (transport.onclose === onclose) transport.onclose = before.onclose;
    unmarkWrapped(transport);
  };
  // What began before it was undone is traced to its end.
  const settled = (): void => {
    if (undone && connection.unanswered === 0) restored();
  };
  const begins = (message: unknown): boolean => undone && isObject(message) && typeof message['method'] === 'string';
  const send = (message: unknown, options?: unknown): Promise<void> => {
    if (begins(message)) return before.send(message, options);
    const sent = connection.send(message, options);
    settled();
    return sent;
  };
  const onmessage: Handler = (message, extra) => {
    if (begins(message)) return before.onmessage?.call(transport, message, extra);
    connection.receive(message, extra);
    settled();
  };
  const onclose = (): void => {
    connection.close();
    restored();
    if (!undone) warnOnce('mcp.connection-closed', reconnects);
    before.onclose?.call(transport);
  };
  Object.assign(transport, { send, onmessage, onclose });
  markWrapped(transport, settings.hop);
  return () => {
    undone = true;
    settled();
  };
}

const reconnects =
  'an MCP connection that `traceConnection` traced has closed. What its client connects to next is another connection, which is not traced: call `traceConnection` again, or wrap the client with `traceClient` before it connects.';

import { ThroughlineError } from '@throughline/core';
import {
  asTarget,
  markWrapped,
  textOf,
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
 * answered by then is traced to its end. A connection that is traced already stays as it is.
 *
 * It ends with the connection. A client that connects again is traced again; where its framework makes a new client instead, `diag`
 * says once that a connection was lost. Throws a `ThroughlineError` for what is not connected, and for a transport that cannot be
 * changed.
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
  if (wrapped(transport)) {
    warnIfRewrapped(transport, settings.hop);
    return () => {};
  }
  let undo: (() => void) | undefined;
  const trace = (inUse: TracedTransport): void => {
    // A client that lives on holds no transport that is closed.
    undo = traceInPlace(connected, inUse, settings, () => (undo = undefined));
  };
  const undoConnect = onConnect(connected, () => {
    const next = transportIn(connected);
    try {
      if (next !== undefined) trace(next);
    } catch (error) {
      // The connection is made: that it cannot be traced must not fail it.
      warnOnce('mcp.connection-fixed', textOf(error));
    }
  });
  try {
    trace(transport);
  } catch (error) {
    undoConnect();
    throw error;
  }
  return () => {
    undoConnect();
    undo?.();
  };
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

/** Calls `connects` after each `connect` of a client or server that succeeds. Returns what undoes it. */
function onConnect(connected: object, connects: () => void): () => void {
  const { connect } = connected as { readonly connect?: unknown };
  if (typeof connect !== 'function') return () => {};
  const followed = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const result: unknown = await Reflect.apply(connect, this, args);
    connects();
    return result;
  };
  return replaced(connected, { connect: followed });
}

/** Traces a transport that is in use, in place, until it closes, and tells that. Returns what undoes it. */
export function traceInPlace(
  connected: unknown,
  transport: TracedTransport,
  settings: McpSettings,
  closed: () => void = () => {},
): () => void {
  if (wrapped(transport)) {
    warnIfRewrapped(transport, settings.hop);
    return () => {};
  }
  const { onmessage, onclose } = transport;
  const send = transport.send.bind(transport);
  const close = transport.close.bind(transport);
  const below = viewOf(transport, { get: (property) => (property === 'send' ? send : asTarget) });
  const connection = new Connection(below, settings, negotiatedVersion(connected, transport));
  connection.handler = onmessage;
  let undone = false;
  let isClosing = false;

  const tracedSend = (message: unknown, options?: unknown): Promise<void> => {
    if (undone && begins(message)) return send(message, options);
    const sent = connection.send(message, options);
    settled();
    return sent;
  };
  const tracedOnmessage: Handler = (message, extra) => {
    if (undone && begins(message)) return onmessage?.call(transport, message, extra);
    connection.receive(message, extra);
    settled();
  };
  const tracedClose = (): Promise<void> => {
    isClosing = true;
    return close();
  };
  const tracedOnclose = (): void => {
    connection.close();
    restore();
    closed();
    if (!undone && !isClosing && isClient(connected)) warnOnce('mcp.connection-lost', lost);
    onclose?.call(transport);
  };

  const restoreMembers = replaced(transport, {
    send: tracedSend,
    close: tracedClose,
    onmessage: tracedOnmessage,
    onclose: tracedOnclose,
  });
  markWrapped(transport, settings.hop);
  let isMarked = true;
  const unmark = (): void => {
    // Only its own mark: whoever traces it anew has put another one there.
    if (isMarked) unmarkWrapped(transport);
    isMarked = false;
  };
  const restore = (): void => {
    restoreMembers();
    unmark();
  };
  // What began before it was undone is traced to its end.
  const settled = (): void => {
    if (undone && connection.unanswered === 0) restoreMembers();
  };
  return () => {
    undone = true;
    unmark();
    settled();
  };
}

/** Whether a message belongs to nothing that is on its way. */
function begins(message: unknown): boolean {
  if (!isObject(message) || typeof message['method'] !== 'string') return false;
  return message['method'] !== 'notifications/cancelled' && message['method'] !== 'notifications/progress';
}

/**
 * Puts members in place of those of an object. Returns what puts those back that are still there. Throws a `ThroughlineError` where the
 * object does not take them.
 */
function replaced(target: object, members: Readonly<Record<string, unknown>>): () => void {
  const loose = target as Record<string, unknown>;
  const before = Object.keys(members).map((name) => [name, Object.hasOwn(target, name), loose[name]] as const);
  const restore = (): void => {
    for (const [name, own, value] of before) {
      if (loose[name] !== members[name]) continue;
      if (!own) Reflect.deleteProperty(target, name);
      // One that an accessor of the prototype keeps.
      if (loose[name] === members[name]) Reflect.set(target, name, value);
    }
  };
  for (const [name, member] of Object.entries(members)) {
    if (Object.isExtensible(target) && Reflect.set(target, name, member) && loose[name] === member) continue;
    restore();
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      `\`traceConnection\` cannot replace \`${name}\` of what is connected: it is frozen, sealed or read-only. Trace it before it connects: traceClient(client), traceServer(server) or traceTransport(transport).`,
    );
  }
  return restore;
}

/** Returns the version of the protocol that was agreed on before anybody looked: v2 has it in the client, v1 in a transport over HTTP. */
function negotiatedVersion(connected: unknown, transport: object): unknown {
  for (const holder of [connected, (connected as { readonly server?: unknown }).server]) {
    if (!isObject(holder)) continue;
    const { getNegotiatedProtocolVersion: ask } = holder;
    if (typeof ask === 'function') return Reflect.apply(ask, holder, []);
  }
  return (transport as { readonly protocolVersion?: unknown }).protocolVersion;
}

function isClient(connected: unknown): boolean {
  return isObject(connected) && typeof connected['listTools'] === 'function';
}

const lost =
  'an MCP connection that `traceConnection` traced was lost. A new client that takes its place is not traced: call `traceConnection` with that one too.';

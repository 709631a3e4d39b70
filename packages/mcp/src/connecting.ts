import { ThroughlineError } from '@throughline/core';
import { asTarget, viewOf, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import type { McpSettings } from './options.ts';
import { traceInPlace, transportIn } from './trace-connection.ts';
import { protocolTransport, transportOf } from './transport.ts';

/** Something that connects to a transport. */
export interface Connects {
  connect(transport: never, ...rest: never[]): Promise<unknown>;
}

interface Connecting {
  connect(transport: object, ...rest: unknown[]): Promise<unknown>;
  readonly server?: unknown;
  readonly transport?: unknown;
}

/** Throws a `ThroughlineError` for what does not connect to a transport. */
export function checkConnects(thing: unknown, name: string, what: string, example: string): void {
  if (isConnecting(thing)) return;
  const hint = typeof thing === 'function' ? ` Of a factory, wrap what it returns: \`() => ${name}(make())\`.` : '';
  throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', `\`${name}\` takes ${what}, such as \`${example}\`.${hint}`);
}

/** Returns a client or server of the same type that traces whatever transport it connects to. */
export function connecting<C extends object>(thing: C, settings: McpSettings): C {
  if (wrapped(thing)) {
    warnIfRewrapped(thing, settings.hop);
    return thing;
  }
  const target = thing as C & Connecting;
  const inUse = transportIn(target);
  if (inUse !== undefined) traceInPlace(target, inUse, settings);
  let connect: unknown = (transport: object, ...rest: unknown[]): Promise<unknown> =>
    target.connect(protocolTransport(transport, settings), ...rest);
  // `McpServer` has a `Server` inside, which some entries of the SDK take out of it and connect.
  let inner: object | undefined;
  let innerOf: unknown;
  return viewOf(
    thing,
    {
      get(property) {
        if (property === 'connect') return connect;
        if (property === 'transport') return transportOf(target.transport);
        if (property !== 'server') return asTarget;
        const { server } = target;
        if (!isConnecting(server)) return asTarget;
        if (innerOf !== server) {
          innerOf = server;
          inner = connecting(server, settings);
        }
        return inner;
      },
      // Not on the target: it most often calls the one that it stands for, and that one calls the target's.
      set(property, value) {
        if (property !== 'connect') return false;
        connect = value;
        return true;
      },
    },
    settings.hop,
    ['connect'],
  );
}

function isConnecting(value: unknown): value is Connecting {
  return typeof value === 'object' && value !== null && typeof (value as { connect?: unknown }).connect === 'function';
}

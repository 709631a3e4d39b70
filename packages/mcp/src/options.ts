import {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  hopSettings,
  remembering,
} from '@throughline/core/adapter';
import type { HopOptions, Target } from '@throughline/core';
import type { HopSettings } from '@throughline/core/adapter';
import { recordOptions } from './content.ts';
import type { RecordOptions } from './content.ts';
import { durations } from './metrics.ts';
import type { Durations } from './metrics.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/mcp', version: '0.0.0' } as const;

/** Which way a message travels, seen from here. */
export type Direction = 'outbound' | 'inbound';

/** Who is at the other end of a transport, where it cannot be told from the transport or is told wrongly. */
export interface McpPeer {
  /** `memory`, `process` (stdio) or `host` (HTTP); what first-party is by default hangs on it. */
  readonly channel?: Target['channel'] | undefined;
  /** A host name without port, or a name of yours for a stdio server: what the patterns of `firstParty` are matched with. */
  readonly host?: string | undefined;
}

/** The options of everything in this package. */
export interface McpOptions extends HopOptions {
  /** Whether a request has a span; its context travels either way. Default {@link spansByDefault}. */
  readonly spanFor?: ((method: string, direction: Direction) => boolean) | undefined;
  /** Overrides what the transport looks like. */
  readonly peer?: McpPeer | undefined;
  /**
   * Whether the HTTP requests of a client transport run under suppressed tracing, so that another instrumentation opens no
   * second span for the same call. Default: those of the SDK's own fetch do, and those of a `fetch` that you gave it do not.
   */
  readonly suppressInner?: boolean | undefined;
  /** Which content goes onto spans: arguments, results, resource URIs. Default: none. */
  readonly record?: RecordOptions | undefined;
}

/** Options checked once for each wrap, and what follows from them. */
export interface McpSettings {
  readonly hop: HopSettings;
  readonly given: McpOptions;
  readonly spanFor: (method: string, direction: Direction) => boolean;
  readonly durations: Durations;
  readonly record: RecordOptions | undefined;
}

/** Which requests have spans by default: all but pings, log levels, and subscriptions, which may never be answered. */
export function spansByDefault(method: string): boolean {
  return method !== 'ping' && method !== 'logging/setLevel' && method !== 'subscriptions/listen';
}

const CHANNELS = ['host', 'memory', 'broker', 'process'];

// As an object, so that the compiler tells when one is missing.
const MCP_OPTIONS: Readonly<Record<Exclude<keyof McpOptions, keyof HopOptions>, true>> = {
  spanFor: true,
  peer: true,
  suppressInner: true,
  record: true,
};

/** Returns the settings of one wrap; `own` names what its options hold besides. Throws a `ThroughlineError` for a wrong option. */
export function mcpSettings(options: McpOptions | undefined, own: readonly string[] = []): McpSettings {
  const hop = hopSettings(options, scope, [...Object.keys(MCP_OPTIONS), ...own]);
  const given = options ?? {};
  const { spanFor, peer, suppressInner } = given;
  checkFunction('spanFor', spanFor, "a function, such as (method) => method === 'tools/call'");
  checkBoolean('suppressInner', suppressInner);
  checkObject('peer', peer, "an object, such as { host: 'search' }");
  if (peer !== undefined) checkKnown(peer, ['channel', 'host'], 'peer');
  checkOneOf('peer.channel', peer?.channel, CHANNELS);
  checkName('peer.host', peer?.host);
  return {
    hop,
    given,
    spanFor: spanFor ?? spansByDefault,
    durations: durations(given.meterProvider, scope),
    record: recordOptions(given.record),
  };
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: McpOptions | undefined) => McpSettings = remembering((options) =>
  mcpSettings(options),
);

import { context as contextApi } from '@opentelemetry/api';
import type { CarrierReader } from '../carrier/read.ts';
import { textOf, warnOnce } from '../diagnostics.ts';
import type { Channel, Peer, PeerHeaders } from '../parties.ts';
import type { InboundHop } from './hop.ts';
import { receiptOf } from '../lineage/state.ts';
import type { HopSettings } from '../policy/settings.ts';

/** Returns how a hop's carrier came: what the adapter says, else what its carrier is known to travel over. */
export function channelOf(hop: InboundHop): Channel {
  if (hop.channel !== undefined) return hop.channel;
  if (hop.http !== undefined || hop.reader.kind === 'http') return 'host';
  return hop.reader.kind === 'message' ? 'broker' : 'process';
}

/**
 * Returns who offers the context of a hop, with the answer of `authenticated`, or `undefined` where the adapter's own account of
 * it failed. Never throws.
 */
export function peerOf(hop: InboundHop, settings: HopSettings): Peer | undefined {
  let peer: Peer;
  try {
    const told = typeof hop.peer === 'function' ? hop.peer() : hop.peer;
    const { carrier, reader } = hop.fallback ?? hop;
    const outer = requestPeer(hop);
    peer = {
      transport: hop.transport,
      channel: channelOf(hop),
      name: told?.name,
      address: told?.address ?? outer?.address,
      headers: new CarrierHeaders(carrier, reader),
      authenticated: told?.authenticated ?? outer?.authenticated,
      request: told?.request,
    };
  } catch (error) {
    warnOnce('peer', `a function that describes the peer of a ${hop.transport} hop failed: ${textOf(error)}`);
    return undefined;
  }
  if (settings.options.authenticated === undefined) return peer;
  return { ...peer, authenticated: authenticated(peer, settings) };
}

// What arrived inside an HTTP request came from whoever made that.
function requestPeer(hop: InboundHop): Peer | undefined {
  const receipt = hop.http === 'payload' ? receiptOf(contextApi.active()) : undefined;
  return receipt?.transport === 'http' && !receipt.ended ? receipt.peer : undefined;
}

function authenticated(peer: Peer, settings: HopSettings): boolean | undefined {
  try {
    const said: unknown = settings.options.authenticated?.(peer);
    if (said === undefined) return peer.authenticated;
    if (typeof said === 'boolean') return said;
    throw new TypeError(`it returned a value of type ${typeof said}; return true or false`);
  } catch (error) {
    warnOnce('authenticated', `\`authenticated\` failed, so the peer counts as not authenticated: ${textOf(error)}`);
    return false;
  }
}

const decoder = new TextDecoder();
const MAX_VALUE = 8192;

// A view and no copy: a policy reads one or two headers, and can change none.
class CarrierHeaders implements PeerHeaders {
  readonly #carrier: unknown;
  readonly #reader: CarrierReader;

  constructor(carrier: unknown, reader: CarrierReader) {
    this.#carrier = carrier;
    this.#reader = reader;
  }

  get(name: string): string | undefined {
    // `_meta` and records are written by whoever sends, and no proxy takes anything out of them.
    if (this.#reader.kind === 'meta') return undefined;
    let raw: unknown;
    try {
      raw = this.#reader.read(this.#carrier, name.toLowerCase());
    } catch {
      // A getter of the carrier threw: what it would have said is not known.
      return undefined;
    }
    if (!Array.isArray(raw)) return text(raw);
    const parts = raw.slice(0, MAX_REPEATS).map(text);
    return parts.includes(undefined) ? undefined : parts.join(', ');
  }
}

const MAX_REPEATS = 64;

function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array && value.byteLength <= MAX_VALUE ? decoder.decode(value) : undefined;
}

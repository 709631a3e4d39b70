import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { headersOf } from './http-request.ts';
import type { MessageExtra } from './message.ts';
import type { TransportPeer } from './peer.ts';

// A client transport over HTTP reads the answer to a POST in the context of the POST. There this says where the caller is.
const callerKey = createContextKey('throughline.mcp.caller');

/**
 * Returns the context that the transport sends a request in. Only a send that makes an HTTP request is suppressed: in memory
 * it calls the peer's handler.
 */
export function requestContext(peer: TransportPeer, suppresses: boolean, sending: Sending, caller: Context): Context {
  if (peer.fetch === undefined) {
    // Without a span of its own, and with all baggage let out, the caller's own context says as much.
    return sending.context === caller && sending.withheld === 0 && sending.mode !== 'strip' ? caller : sending.wire;
  }
  return postContext(suppresses, sending).setValue(callerKey, caller);
}

/**
 * Returns the context that the HTTP request of a hop's message runs in. That of a traced fetch is a hop as well, and the very step of
 * the chain that its message is: both count on from where the caller stands.
 */
export function postContext(suppresses: boolean, sending: Sending): Context {
  return suppresses ? sending.inner : sending.wire;
}

/** Returns the context that a client over HTTP sends anything else in, such as `initialized`, on which a stream opens. */
export function otherContext(suppresses: boolean, active: Context): Context {
  return suppresses ? suppressTracing(active) : active;
}

/**
 * Returns the context of a message that belongs to nothing known: over HTTP that of the request it came with, else an empty
 * one, whatever was active when the transport was opened.
 */
export function arrivalContext(peer: TransportPeer, active: Context, extra: MessageExtra | undefined): Context {
  if (headersOf(extra) !== undefined) return active;
  if (peer.fetch !== undefined) return (active.getValue(callerKey) as Context | undefined) ?? ROOT_CONTEXT;
  // In memory a peer that does not want to be traced is not.
  return peer.target.channel === 'memory' && isTracingSuppressed(active) ? suppressTracing(ROOT_CONTEXT) : ROOT_CONTEXT;
}

/**
 * Returns the context of news that are no part of any trace, such as a changed list: over HTTP they may come on a stream that a
 * caller opened long ago.
 */
export function newsContext(peer: TransportPeer, active: Context, extra: MessageExtra | undefined): Context {
  return peer.fetch === undefined ? arrivalContext(peer, active, extra) : ROOT_CONTEXT;
}

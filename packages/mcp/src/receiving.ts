import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Attributes, Link } from '@opentelemetry/api';
import { httpHeaders, isTracingSuppressed, metaFields, startInbound } from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import type { InboundHop, Received } from '@throughline/core/adapter';
import { arrivalContext } from './contexts.ts';
import { MCP } from './conventions.ts';
import { headersOf } from './http-request.ts';
import type { MessageExtra, ObjectValue } from './message.ts';
import type { ConnectionState } from './connection-state.ts';

/** A message that comes in, as far as its hop is concerned. */
export interface Arrival {
  readonly method: string;
  /** The span's name. */
  readonly name: string;
  readonly attributes: Attributes | undefined;
  readonly span: boolean;
  readonly links?: readonly Link[] | undefined;
  /** It asks for no work. */
  readonly notice?: boolean;
  readonly meta: ObjectValue | undefined;
  readonly extra: MessageExtra | undefined;
}

/** Opens the inbound hop of a message: by its `_meta`, else by the HTTP request that brought it. */
export function startReceiving(state: ConnectionState, arrival: Arrival): Received | Refused {
  const { method, extra } = arrival;
  const headers = headersOf(extra);
  const active = contextApi.active();
  const inbound: InboundHop = {
    transport: MCP,
    name: arrival.name,
    kind: SpanKind.SERVER,
    attributes: arrival.attributes,
    carrier: arrival.meta,
    reader: metaFields,
    span: arrival.span,
    links: arrival.links,
    notice: arrival.notice,
    http: headers === undefined ? undefined : 'payload',
    fallback: headers === undefined ? undefined : { carrier: headers, reader: httpHeaders },
    channel: state.peer.target.channel,
    peer: { name: method, authenticated: extra?.authInfo === undefined ? undefined : true, request: extra },
    // What a client transport reads in the suppressed context of its own POST is not suppressed itself.
    context: isTracingSuppressed(active) ? arrivalContext(state.peer, active, extra) : active,
  };
  return startInbound(inbound, state.settings.hop);
}

import type { AsyncResource } from 'node:async_hooks';
import type { Context, Link, Span } from '@opentelemetry/api';
import type { Outcome, Received, Sending } from '@throughline/core/adapter';
import { ERROR_ABANDONED, ERROR_CANCELLED, ERROR_CONNECTION_CLOSED, ERROR_DUPLICATE_ID } from './conventions.ts';
import type { RequestId } from './message.ts';
import type { Timing } from './metrics.ts';
import type { Operation } from './operation.ts';

/** A request that went out and is not answered yet. */
export interface OutboundRequest {
  readonly id: RequestId;
  readonly method: string;
  /** The context that the caller was in, where the answer and the progress belong. */
  readonly caller: Context;
  /** All else that follows the caller's asynchronous calls. */
  readonly scope: AsyncResource;
  readonly sending: Sending;
  /** What it asks for, where it has a span. */
  readonly operation?: Operation | undefined;
  /** Another's span that executes the tool, and stands for a span of our own. */
  readonly outer?: Span | undefined;
  readonly timing?: Timing | undefined;
  /** The caller's token for progress notifications. The SDK's own is the id. */
  readonly token: unknown;
  /** Stops listening to the signals that abort the request. */
  unwatch: (() => void) | undefined;
}

/** A request that came in and is not answered yet. */
export interface InboundRequest {
  readonly method: string;
  readonly received: Received;
  readonly operation?: Operation | undefined;
  readonly timing?: Timing | undefined;
  /** Aborted when the HTTP request that brought this one is. */
  readonly signal: { readonly aborted: boolean } | undefined;
}

/** How a request that is known no more came out; both ends of {@link InFlight}'s requests end with it. */
export type EndRequest = (request: OutboundRequest | InboundRequest, outcome: Outcome | undefined) => void;

// SDK v2 drops requests of another era without an answer; a peer that sends them without end must not fill the memory.
const MAX_INBOUND = 10_000;
const MAX_ID = 1024;
// What an SDK keeps of them on a span.
const MAX_LINKS = 128;

/**
 * The requests of one connection that are not answered yet, each direction by itself: the ids of both start at 0. A Map keeps
 * 0 and '0' apart. Every way out of here ends the request's span.
 */
export class InFlight {
  readonly #end: EndRequest;
  readonly #outbound = new Map<RequestId, OutboundRequest>();
  readonly #inbound = new Map<RequestId, InboundRequest>();
  // Only tokens that are not the request's own id, which callers of the SDK may choose for themselves.
  #tokens: Map<unknown, OutboundRequest> | undefined;

  constructor(end: EndRequest) {
    this.#end = end;
  }

  /** How many requests of both directions are not answered yet. */
  get size(): number {
    return this.#outbound.size + this.#inbound.size + (this.#tokens?.size ?? 0);
  }

  /** Ends the request that another one takes the id of. */
  replaced(id: RequestId): void {
    const earlier = this.#outbound.get(id);
    if (earlier === undefined) return;
    this.#drop(earlier);
    this.#end(earlier, duplicate);
  }

  sent(request: OutboundRequest): void {
    this.replaced(request.id);
    this.#outbound.set(request.id, request);
    if (request.token !== undefined && request.token !== request.id)
      (this.#tokens ??= new Map()).set(request.token, request);
  }

  /** Returns the request that an answer, a cancellation or a failure is about, and forgets it. */
  takeSent(id: unknown): OutboundRequest | undefined {
    const request = this.#findSent(id);
    if (request !== undefined) this.#drop(request);
    return request;
  }

  /** Forgets a request, unless another one has its id by now. */
  forget(request: OutboundRequest): boolean {
    if (this.#outbound.get(request.id) !== request) return false;
    this.#drop(request);
    return true;
  }

  #drop({ id, token, unwatch }: OutboundRequest): void {
    this.#outbound.delete(id);
    if (token !== id) this.#tokens?.delete(token);
    unwatch?.();
  }

  /** Returns the request that a progress notification is about. */
  byToken(token: unknown): OutboundRequest | undefined {
    const request = this.#tokens?.get(token) ?? this.#findSent(token);
    return request?.token === undefined ? undefined : request;
  }

  /** Returns links to the requests that went out and are not answered yet, and have spans: to 128 at most. */
  links(): Link[] {
    const links: Link[] = [];
    for (const { operation, outer, sending } of this.#outbound.values()) {
      if (operation === undefined) continue;
      links.push({ context: (outer ?? sending.span).spanContext() });
      if (links.length === MAX_LINKS) break;
    }
    return links;
  }

  /** Remembers a request, unless nobody could afford to: one with an id that is no id ends here. */
  received(id: RequestId, request: InboundRequest): void {
    if (typeof id === 'string' && id.length > MAX_ID) return this.#end(request, undefined);
    const earlier = this.takeReceived(id);
    if (earlier !== undefined) this.#end(earlier, duplicate);
    if (this.#inbound.size >= MAX_INBOUND) {
      for (const [oldest, abandoned] of this.#inbound) {
        this.#inbound.delete(oldest);
        this.#end(abandoned, { errorType: ERROR_ABANDONED });
        break;
      }
    }
    this.#inbound.set(id, request);
  }

  /** Returns the request that is being answered or cancelled, and forgets it. */
  takeReceived(id: unknown): InboundRequest | undefined {
    const request = this.#inbound.get(id as RequestId);
    if (request !== undefined) this.#inbound.delete(id as RequestId);
    return request;
  }

  /** Ends what a client asked for to get connected. SDK v2 tells nobody that it waits no more for that. */
  giveUpHandshake(): void {
    for (const request of this.#outbound.values()) {
      if (request.method !== 'initialize' && request.method !== 'server/discover') continue;
      this.#drop(request);
      this.#end(request, cancelled);
    }
  }

  /** Ends everything: the transport is closed, and nothing will be answered any more. */
  close(): void {
    const outbound = [...this.#outbound.values()];
    const inbound = [...this.#inbound.values()];
    this.#outbound.clear();
    this.#inbound.clear();
    this.#tokens = undefined;
    for (const request of outbound) {
      this.#end(request, connectionClosed);
      request.unwatch?.();
    }
    for (const request of inbound) this.#end(request, request.signal?.aborted === true ? cancelled : connectionClosed);
  }

  // Both SDKs turn the id of an answer into a number, so a peer that answers '0' to 0 is heard.
  #findSent(id: unknown): OutboundRequest | undefined {
    const request = this.#outbound.get(id as RequestId);
    return request !== undefined || typeof id !== 'string' ? request : this.#outbound.get(Number(id));
  }
}

/** The outcome of a request that its requester gave up. */
export const cancelled: Outcome = { errorType: ERROR_CANCELLED };

const duplicate: Outcome = { errorType: ERROR_DUPLICATE_ID };
const connectionClosed: Outcome = { errorType: ERROR_CONNECTION_CLOSED };

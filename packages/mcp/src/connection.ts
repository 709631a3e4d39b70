import { AsyncResource } from 'node:async_hooks';
import { context as contextApi, propagation, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { httpHeaders, metaFields, startInbound, startOutbound, warnOnce } from '@throughline/core';
import type { InboundHop, Outcome, Received, Refused } from '@throughline/core';
import { answerIn, withAnswer, withFields } from './carrier.ts';
import { addRequest, resultAttributes } from './content.ts';
import { enrichOutcome, executeToolSpan } from './execute-tool.ts';
import { arrivalContext, newsContext, requestContext, strayContext } from './contexts.ts';
import {
  ATTR_MCP_PROTOCOL_VERSION,
  ATTR_MCP_SESSION_ID,
  MCP,
  META_PROTOCOL_VERSION,
  PROTOCOL_PREFIX,
} from './conventions.ts';
import { headersOf, versionHeader } from './http-request.ts';
import { cancelled, InFlight } from './in-flight.ts';
import type { InboundRequest, OutboundRequest } from './in-flight.ts';
import { isId, isObject, metaOf } from './message.ts';
import type { Message, MessageExtra, ObjectValue, RequestId } from './message.ts';
import type { Side, Timing } from './metrics.ts';
import { label, operationAttributes, operationOf, outcomeOf, sendFailure } from './operation.ts';
import type { Operation } from './operation.ts';
import { spansByDefault } from './options.ts';
import type { Direction, McpSettings } from './options.ts';
import { peerOf } from './peer.ts';
import type { TransportPeer } from './peer.ts';
import { Rounds } from './rounds.ts';
import { deadlineAnswer, pastDeadline, refusalAnswer, refusedOutcome } from './refusal.ts';
import type { Answer } from './refusal.ts';

/** What the protocol hangs onto a transport to hear its messages. */
export type Handler = (message: unknown, extra?: unknown) => void;

/** A transport as it is used here. */
export interface TracedTransport {
  send(message: unknown, options?: unknown): Promise<void>;
  onmessage?: Handler | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: unknown) => void) | undefined;
  readonly sessionId?: unknown;
}

/**
 * What passes through one transport, in both directions, and in which context.
 *
 *     protocol ── send(message) ──▶ request       CLIENT span, fields into a copy ──▶ transport
 *                                   answer        ends the SERVER span
 *                                   notification  fields into a copy
 *     protocol ◀── handler(message) request       SERVER span, run in its context ◀── transport
 *                                   answer        ends the CLIENT span, run in the caller's context
 *                                   notification  run in the context of what it is about
 */
export class Connection {
  readonly inFlight: InFlight = new InFlight((request, outcome) => this.#end(request, outcome));
  /** What the protocol hears messages with. */
  handler: Handler | undefined;
  readonly #transport: TracedTransport;
  readonly #settings: McpSettings;
  readonly #peer: TransportPeer;
  readonly #suppresses: boolean;
  readonly #rounds = new Rounds();
  #protocolVersion: string | undefined;
  #session: { readonly side: Side; readonly since: number } | undefined;

  constructor(transport: TracedTransport, settings: McpSettings) {
    this.#transport = transport;
    this.#settings = settings;
    this.#peer = peerOf(transport, settings.given);
    this.#suppresses = this.#peer.fetch !== undefined && (settings.given.suppressInner ?? this.#peer.fetch === 'own');
  }

  /** Sends what the protocol hands over, and returns what the transport returns. */
  send(message: unknown, options: unknown): Promise<void> {
    if (!isObject(message)) return this.#transport.send(message, options);
    const { method, id } = message;
    if (typeof method !== 'string') return this.#pass(this.#answered(message), options);
    if (isId(id)) return this.#request(message, method, id, options);
    if (id === undefined) return this.#pass(this.#notification(message, method), options);
    return this.#pass(message, options);
  }

  /** Hands what the transport received to the protocol's handler, in the context that it belongs in. */
  receive(message: unknown, extra: unknown): void {
    const { handler } = this;
    if (handler === undefined) return;
    if (!isObject(message)) return handler.call(this.#transport, message, extra);
    const { method, id, params } = message;
    const told = extra as MessageExtra | undefined;
    if (typeof method === 'string') {
      if (isId(id)) return this.#handle(handler, message, method, id, told);
      if (id === undefined) return this.#notify(handler, message, method, params, told);
    }
    const request = this.inFlight.takeSent(id);
    if (request === undefined)
      return this.#run(arrivalContext(this.#peer, contextApi.active(), told), handler, message, extra);
    if (request.method === 'initialize') this.#learn(message['result'], 'client');
    request.sending.answered(answerIn(message));
    this.#end(request, this.#outcome(message, request, 'client'));
    this.#runAsCaller(request, handler, message, extra);
  }

  #request(message: Message, method: string, id: RequestId, options: unknown): Promise<void> {
    const caller = contextApi.active();
    const { params } = message;
    const meta = metaOf(params);
    const span = this.#hasSpan(method, 'outbound');
    const operation = span ? operationOf(method, params) : undefined;
    const version = operation && this.#version(meta, undefined);
    const attributes = operation && this.#attributes(operation, id, version, params);
    const outer = operation?.tool === undefined ? undefined : executeToolSpan(caller, operation.tool);
    const sending = startOutbound(
      {
        transport: MCP,
        name: operation?.name ?? method,
        kind: SpanKind.CLIENT,
        attributes,
        links: operation && this.#rounds.links(caller, operation, params),
        target: this.#peer.target,
        carrier: meta,
        reader: metaFields,
        context: caller,
        span: span && outer === undefined,
      },
      this.#settings.hop,
    );
    if (sending.refused !== undefined) {
      sending.end();
      return this.#answerHere(refusalAnswer(id, method, params, sending), caller, sending.error);
    }
    // A request over HTTP of the 2026-07-28 revision is cancelled by this alone.
    const { requestSignal } = (options ?? none) as { readonly requestSignal?: AbortSignal };
    const deadline = sending.signal;
    if (deadline?.aborted === true) {
      sending.end(pastDeadline);
      return this.#answerHere(deadlineAnswer(id), caller, deadline.reason);
    }
    if (outer !== undefined && attributes !== undefined) outer.setAttributes(attributes);
    const request: OutboundRequest = {
      id,
      method,
      caller,
      scope: new AsyncResource('throughline.mcp.request'),
      sending,
      operation,
      outer,
      timing: operation && this.#start('client', operation, version),
      token: meta?.['progressToken'],
      unwatch: undefined,
    };
    if (requestSignal !== undefined) request.unwatch = this.#watch(requestSignal, request);
    if (deadline !== undefined) options = this.#bound(deadline, request, meta, requestSignal, options);
    this.inFlight.sent(request);
    let sent: Promise<void>;
    try {
      const wanted = requestContext(this.#peer, this.#suppresses, sending, caller);
      const copy = withFields(message, sending);
      sent =
        wanted === caller
          ? this.#transport.send(copy, options)
          : contextApi.with(wanted, this.#transport.send, this.#transport, copy, options);
    } catch (error) {
      this.#failed(request, error);
      throw error;
    }
    // The caller gets the transport's own promise; a rejection is only looked at here.
    sent?.then(undefined, (error: unknown) => this.#failed(request, error));
    return sent;
  }

  // One signal may outlive many requests: what listens to it goes with the request.
  #watch(signal: AbortSignal, request: OutboundRequest): () => void {
    const aborted = (): void => {
      if (this.inFlight.forget(request)) this.#end(request, cancelled);
    };
    signal.addEventListener('abort', aborted, { once: true });
    return () => signal.removeEventListener('abort', aborted);
  }

  /**
   * Has a request fail at the deadline of its chain as at a timeout of the SDK's own, and tells the peer. Returns the send
   * options: with a signal that cancels the request over HTTP where it is cancelled by that.
   */
  #bound(
    deadline: AbortSignal,
    request: OutboundRequest,
    meta: ObjectValue | undefined,
    requestSignal: AbortSignal | undefined,
    options: unknown,
  ): unknown {
    const { id, method, sending, unwatch } = request;
    const aborts = requestSignal === undefined ? undefined : new AbortController();
    const passed = (): void => {
      if (!this.inFlight.forget(request)) return;
      this.#end(request, pastDeadline);
      if (aborts !== undefined) aborts.abort(deadline.reason);
      // What the specification says of a request to initialize: it must not be cancelled.
      else if (method !== 'initialize') {
        const params = { requestId: id, reason: 'The deadline of the chain has passed', ...envelopeOf(meta) };
        const message = withFields({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, sending);
        contextApi.with(request.caller, () => this.#passAlone(message, options));
      }
      this.#runAsCaller(request, this.handler, deadlineAnswer(id), undefined);
    };
    const abort = (): void => aborts?.abort(requestSignal?.reason);
    deadline.addEventListener('abort', passed, { once: true });
    requestSignal?.addEventListener('abort', abort, { once: true });
    request.unwatch = () => {
      unwatch?.();
      deadline.removeEventListener('abort', passed);
      requestSignal?.removeEventListener('abort', abort);
    };
    return aborts === undefined ? options : { ...(options as object), requestSignal: aborts.signal };
  }

  /** Answers a request that was not sent, the way that a peer would: the protocol lets go of it. */
  #answerHere(answer: Answer, caller: Context, error: unknown): Promise<void> {
    const { handler } = this;
    if (handler === undefined) return Promise.reject(error);
    queueMicrotask(() => this.#run(caller, handler, answer, undefined));
    return Promise.resolve();
  }

  #failed(request: OutboundRequest, error: unknown): void {
    if (this.inFlight.forget(request)) this.#end(request, sendFailure(error));
  }

  #answered(message: Message): Message {
    const request = this.inFlight.takeReceived(message.id);
    if (request === undefined) return message;
    if (request.method === 'initialize') this.#learn(message.result, 'server');
    this.#end(request, this.#outcome(message, request, 'server'));
    return withAnswer(message, request.received.answer);
  }

  // What a notification is about decides what it carries; it has no span.
  #notification(message: Message, method: string): Message {
    const { params } = message;
    if (method === 'notifications/cancelled') {
      const request = isObject(params) ? this.inFlight.takeSent(params['requestId']) : undefined;
      if (request !== undefined) {
        this.#end(request, cancelled);
        return withFields(message, request.sending);
      }
    }
    const active = contextApi.active();
    const meta = metaOf(params);
    if (
      meta === undefined &&
      trace.getSpanContext(active) === undefined &&
      propagation.getBaggage(active) === undefined
    )
      return message;
    const sending = startOutbound(
      {
        transport: MCP,
        name: method,
        kind: SpanKind.CLIENT,
        target: this.#peer.target,
        carrier: meta,
        reader: metaFields,
        span: false,
        // It asks for no work, so it is no call.
        messages: 0,
      },
      this.#settings.hop,
    );
    sending.end();
    // News of a tool that is as deep as a chain may go arrives all the same, but nothing can follow from it in the chain.
    return sending.refused === undefined ? withFields(message, sending) : message;
  }

  #handle(handler: Handler, message: Message, method: string, id: RequestId, extra: MessageExtra | undefined): void {
    const { params } = message;
    const meta = metaOf(params);
    const span = this.#hasSpan(method, 'inbound');
    const operation = span ? operationOf(method, params) : undefined;
    const version = operation && this.#version(meta, extra);
    const timing = operation && this.#start('server', operation, version);
    const received = this.#startInbound(
      method,
      operation?.name ?? method,
      operation && this.#attributes(operation, id, version, params),
      span,
      meta,
      extra,
    );
    if (received.refused !== undefined) {
      received.end();
      timing?.end(refusedOutcome(received), received.context);
      return this.#passAlone(refusalAnswer(id, method, params, received), undefined);
    }
    // Without a span there is nothing that an answer could end; the one to `initialize` tells the version.
    if (span || method === 'initialize')
      this.inFlight.received(id, { method, received, operation, timing, signal: extra?.request?.signal });
    else received.end();
    try {
      this.#run(received.context, handler, message, extra);
    } catch (error) {
      const request = this.inFlight.takeReceived(id);
      if (request === undefined) received.end({ error });
      else this.#end(request, { error });
      throw error;
    }
  }

  #notify(
    handler: Handler,
    message: ObjectValue,
    method: string,
    params: unknown,
    extra: MessageExtra | undefined,
  ): void {
    const active = contextApi.active();
    if (isObject(params)) {
      if (method === 'notifications/progress') {
        const request = this.inFlight.byToken(params['progressToken']);
        if (request !== undefined) return this.#runAsCaller(request, handler, message, extra);
      } else if (method === 'notifications/cancelled') {
        const request = this.inFlight.takeReceived(params['requestId']);
        if (request !== undefined) {
          this.#end(request, cancelled);
          return this.#run(request.received.context, handler, message, extra);
        }
      }
    }
    if (!continues(method)) return this.#run(newsContext(this.#peer, active, extra), handler, message, extra);
    const meta = metaOf(params);
    if (meta?.['traceparent'] === undefined && meta?.['baggage'] === undefined)
      return this.#run(arrivalContext(this.#peer, active, extra), handler, message, extra);
    const received = this.#startInbound(method, method, undefined, false, meta, extra);
    received.end();
    if (received.refused === undefined) this.#run(received.context, handler, message, extra);
  }

  #startInbound(
    method: string,
    name: string,
    attributes: Attributes | undefined,
    span: boolean,
    carrier: ObjectValue | undefined,
    extra: MessageExtra | undefined,
  ): Received | Refused {
    const headers = headersOf(extra);
    const { hop } = this.#settings;
    const inbound: InboundHop = {
      transport: MCP,
      name,
      kind: SpanKind.SERVER,
      attributes,
      carrier,
      reader: metaFields,
      span,
      http: headers === undefined ? undefined : 'payload',
      fallback: headers === undefined ? undefined : { carrier: headers, reader: httpHeaders },
      channel: this.#peer.target.channel,
      peer: { name: method, authenticated: extra?.authInfo === undefined ? undefined : true, request: extra },
    };
    const active = contextApi.active();
    // What a client transport reads in the suppressed context of its own POST is not suppressed itself.
    return isTracingSuppressed(active)
      ? contextApi.with(arrivalContext(this.#peer, active, extra), startInbound, undefined, inbound, hop)
      : startInbound(inbound, hop);
  }

  #pass(message: unknown, options: unknown): Promise<void> {
    if (this.#peer.fetch === undefined) return this.#transport.send(message, options);
    const wanted = strayContext(this.#suppresses, contextApi.active());
    return contextApi.with(wanted, this.#transport.send, this.#transport, message, options);
  }

  // A message of our own: nobody waits for it to be sent.
  #passAlone(message: unknown, options: unknown): void {
    const failed = (error: unknown): void => this.#transport.onerror?.(error);
    try {
      this.#pass(message, options).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #run(wanted: Context, handler: Handler, message: unknown, extra: unknown): void {
    contextApi.with(wanted, handler, this.#transport, message, extra);
  }

  // Going back to the caller's own scope costs less than entering its context anew, and brings its other stores back too. The
  // context manager may be one that does not live in scopes; where it does, `with` has nothing left to do.
  #runAsCaller(
    { scope, caller }: OutboundRequest,
    handler: Handler | undefined,
    message: unknown,
    extra: unknown,
  ): void {
    if (handler !== undefined) scope.runInAsyncScope(inContext, this.#transport, caller, handler, message, extra);
  }

  #version(meta: ObjectValue | undefined, extra: MessageExtra | undefined): string | undefined {
    return this.#protocolVersion ?? label(meta?.[META_PROTOCOL_VERSION]) ?? versionHeader(extra);
  }

  #start(side: Side, operation: Operation, version: string | undefined): Timing | undefined {
    return this.#settings.durations.start(side, operation, { attributes: this.#peer.attributes, version });
  }

  #attributes(operation: Operation, id: RequestId, version: string | undefined, params: unknown): Attributes {
    const attributes = operationAttributes(operation, id);
    for (const [name, value] of this.#peer.attributes) attributes[name] = value;
    if (version !== undefined) attributes[ATTR_MCP_PROTOCOL_VERSION] = version;
    const session = this.#transport.sessionId;
    if (session !== undefined) attributes[ATTR_MCP_SESSION_ID] = label(session);
    const { record } = this.#settings;
    if (record !== undefined) addRequest(attributes, record, operation.method, params);
    return attributes;
  }

  #learn(result: unknown, side: Side): void {
    if (!isObject(result)) return;
    this.#protocolVersion = label(result['protocolVersion']) ?? this.#protocolVersion;
    // Over HTTP there is a session only where the server gave it an id.
    if (this.#peer.target.channel === 'host' && this.#transport.sessionId === undefined) return;
    this.#session ??= { side, since: performance.now() };
  }

  /** Ends what is open, and the session: the transport is closed. */
  close(): void {
    this.inFlight.close();
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const { attributes } = this.#peer;
    this.#settings.durations.session(session.side, (performance.now() - session.since) / 1000, {
      attributes,
      version: this.#protocolVersion,
    });
  }

  #outcome(answer: Message, request: OutboundRequest | InboundRequest, side: Side): Outcome | undefined {
    const { method, operation } = request;
    const outcome = outcomeOf(answer, method, side);
    if (operation === undefined) return outcome;
    if ('caller' in request && method !== 'initialize') {
      const span = request.outer ?? request.sending.span;
      this.#rounds.keep(request.caller, operation, answer.result, span.spanContext());
    }
    const { record } = this.#settings;
    if (record === undefined || method !== 'tools/call' || answer.result === undefined) return outcome;
    const attributes = resultAttributes(record, answer.result, operation.tool);
    return attributes === undefined ? outcome : { ...outcome, attributes: { ...outcome?.attributes, ...attributes } };
  }

  #end(request: OutboundRequest | InboundRequest, outcome: Outcome | undefined): void {
    const hop = 'sending' in request ? request.sending : request.received;
    hop.end(outcome);
    if ('outer' in request && request.outer !== undefined) enrichOutcome(request.outer, outcome);
    request.timing?.end(outcome, hop.context);
  }

  #hasSpan(method: string, direction: Direction): boolean {
    if (!this.#settings.hop.spans) return false;
    try {
      return this.#settings.spanFor(method, direction);
    } catch (error) {
      warnOnce('mcp.spanFor', `\`spanFor\` threw, so the default decides: ${String(error)}`);
      return spansByDefault(method);
    }
  }
}

function inContext(this: TracedTransport, wanted: Context, handler: Handler, message: unknown, extra: unknown): void {
  if (contextApi.active() === wanted) handler.call(this, message, extra);
  else contextApi.with(wanted, handler, this, message, extra);
}

const none = {};

// In the revision of 2026-07-28 each message says by itself which version it is of, and from whom.
function envelopeOf(meta: ObjectValue | undefined): { readonly _meta: ObjectValue } | undefined {
  if (meta?.[META_PROTOCOL_VERSION] === undefined) return undefined;
  return { _meta: Object.fromEntries(Object.entries(meta).filter(([key]) => key.startsWith(PROTOCOL_PREFIX))) };
}

// Changed lists and resources are news to everyone: what follows from them is no part of the trace that changed them.
function continues(method: string): boolean {
  return (
    method !== 'notifications/initialized' &&
    method !== 'notifications/resources/updated' &&
    !method.endsWith('/list_changed')
  );
}

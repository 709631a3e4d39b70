import { AsyncResource } from 'node:async_hooks';
import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { httpHeaders, metaFields, startOutbound } from '@throughline/core/adapter';
import type { OutboundHop, Sending } from '@throughline/core/adapter';
import { answerIn, withFields } from './carrier.ts';
import { requestContext } from './contexts.ts';
import { MCP, META_PROTOCOL_VERSION, PROTOCOL_PREFIX } from './conventions.ts';
import { enrichRequest, executeToolSpan } from './execute-tool.ts';
import { cancelled } from './in-flight.ts';
import type { OutboundRequest } from './in-flight.ts';
import { isObject, metaOf } from './message.ts';
import type { Message, ObjectValue, RequestId } from './message.ts';
import { operationOf, sendFailure } from './operation.ts';
import { deadlineAnswer, pastDeadline, refusalAnswer } from './refusal.ts';
import type { Answer } from './refusal.ts';
import type { ConnectionState } from './connection-state.ts';

/** The requests of one connection that go out: a CLIENT span each, from the request to its answer. */
export class RequestsOut {
  readonly #state: ConnectionState;

  constructor(state: ConnectionState) {
    this.#state = state;
  }

  /** Sends a request with the fields of its hop, and returns what the transport returns. */
  send(message: Message, method: string, id: RequestId, options: unknown): Promise<void> {
    const caller = contextApi.active();
    const { params } = message;
    const meta = metaOf(params);
    const span = this.#state.hasSpan(method, 'outbound');
    const operation = span ? operationOf(method, params) : undefined;
    const version = operation && this.#state.version(meta, undefined);
    const attributes = operation && this.#state.attributes(operation);
    const outer = operation?.tool === undefined ? undefined : executeToolSpan(caller, operation.tool);
    const { carrier, reader } = this.#carrier(meta, options);
    const sending = startOutbound(
      {
        transport: MCP,
        name: operation?.name ?? method,
        kind: SpanKind.CLIENT,
        attributes,
        links: operation && this.#state.links(caller, operation, params),
        target: this.#state.peer.target,
        carrier,
        reader,
        context: caller,
        span: span && outer === undefined,
      },
      this.#state.settings.hop,
    );
    if (operation !== undefined && outer === undefined)
      sending.describe(this.#state.description(operation, id, version, params));
    if (sending.refused !== undefined) {
      sending.end();
      return this.#answerHere(refusalAnswer(id, method, params, sending), caller, sending.error);
    }
    // A request over HTTP of the 2026-07-28 revision is cancelled by this alone, and any of the AI SDK by `signal`.
    const { requestSignal, signal = requestSignal } = (options ?? none) as SendOptions;
    const deadline = sending.signal;
    if (deadline?.aborted === true) {
      sending.end(pastDeadline);
      return this.#answerHere(deadlineAnswer(id), caller, deadline.reason);
    }
    const token = meta?.['progressToken'];
    // Nothing ends with the answer, nothing comes before it, and the caller waits for a promise, in its own context.
    if (!span && token === undefined && deadline === undefined && method !== 'initialize') {
      sending.end();
      this.#state.inFlight.replaced(id);
      return this.#deliver(message, sending, caller, options);
    }
    if (outer !== undefined && operation !== undefined && attributes !== undefined)
      enrichRequest(outer, attributes, this.#state.description(operation, id, version, params));
    const request: OutboundRequest = {
      id,
      method,
      caller,
      scope: new AsyncResource('throughline.mcp.request'),
      sending,
      operation,
      outer,
      timing: operation && this.#state.start('client', operation, version),
      token,
      unwatch: undefined,
    };
    if (signal !== undefined) request.unwatch = this.#watch(signal, request);
    // It follows a `server/discover` that nobody answered in time.
    if (method === 'initialize') this.#state.inFlight.giveUpHandshake();
    if (deadline !== undefined) options = this.#bound(deadline, request, meta, requestSignal, options);
    this.#state.inFlight.sent(request);
    let sent: Promise<void>;
    try {
      sent = this.#deliver(message, sending, caller, options);
    } catch (error) {
      this.#failed(request, error);
      throw error;
    }
    // The caller gets the transport's own promise; a rejection is only looked at here.
    sent?.then(undefined, (error: unknown) => this.#failed(request, error));
    return sent;
  }

  // What a caller without a span relays is in `_meta`, or in the headers that it asks for.
  #carrier(meta: ObjectValue | undefined, options: unknown): Pick<OutboundHop, 'carrier' | 'reader'> {
    if (this.#state.peer.takesHeaders && meta?.['traceparent'] === undefined && isObject(options)) {
      const { headers } = options;
      if (headers !== undefined) return { carrier: headers, reader: httpHeaders };
    }
    return { carrier: meta, reader: metaFields };
  }

  #deliver(message: Message, sending: Sending, caller: Context, options: unknown): Promise<void> {
    const { transport, peer, suppresses } = this.#state;
    const wanted = requestContext(peer, suppresses, sending, caller);
    const copy = withFields(message, sending);
    const told = this.#state.withHeaders(options, sending);
    if (wanted === caller) return transport.send(copy, told);
    return contextApi.with(wanted, transport.send, transport, copy, told);
  }

  /** Hands the answer to a request, which it ends, to the protocol: in the context of the caller. */
  answered(request: OutboundRequest, message: Message, extra: unknown): void {
    request.sending.answered(answerIn(message));
    this.#state.answer(request, message, 'client');
    this.#state.runAsCaller(request, this.#state.handler, message, extra);
  }

  // One signal may outlive many requests: what listens to it goes with the request.
  #watch(signal: AbortSignal, request: OutboundRequest): () => void {
    const aborted = (): void => {
      if (this.#state.inFlight.forget(request)) this.#state.end(request, cancelled);
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
      if (!this.#state.inFlight.forget(request)) return;
      this.#state.end(request, pastDeadline);
      if (aborts !== undefined) aborts.abort(deadline.reason);
      // What the specification says of a request to initialize: it must not be cancelled.
      else if (method !== 'initialize') {
        const params = { requestId: id, reason: 'The deadline of the chain has passed', ...envelopeOf(meta) };
        const message = withFields({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, sending);
        const told = this.#state.withHeaders(options, sending);
        contextApi.with(request.caller, () => this.#state.passAlone(message, told));
      }
      this.#state.runAsCaller(request, this.#state.handler, deadlineAnswer(id), undefined);
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
    const { handler } = this.#state;
    if (handler === undefined) return Promise.reject(error);
    queueMicrotask(() => this.#state.run(caller, handler, answer, undefined));
    return Promise.resolve();
  }

  #failed(request: OutboundRequest, error: unknown): void {
    if (this.#state.inFlight.forget(request)) this.#state.end(request, sendFailure(error, request.method));
  }
}

interface SendOptions {
  readonly requestSignal?: AbortSignal;
  readonly signal?: AbortSignal;
}

const none = {};

// In the revision of 2026-07-28 each message says by itself which version it is of, and from whom.
function envelopeOf(meta: ObjectValue | undefined): { readonly _meta: ObjectValue } | undefined {
  if (meta?.[META_PROTOCOL_VERSION] === undefined) return undefined;
  return { _meta: Object.fromEntries(Object.entries(meta).filter(([key]) => key.startsWith(PROTOCOL_PREFIX))) };
}

import { context as contextApi, propagation, SpanKind, trace } from '@opentelemetry/api';
import { metaFields, startOutbound } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { withFields } from './carrier.ts';
import { arrivalContext, newsContext, postContext } from './contexts.ts';
import { MCP } from './conventions.ts';
import { cancelled } from './in-flight.ts';
import { isObject, metaOf } from './message.ts';
import type { Message, MessageExtra } from './message.ts';
import { startReceiving } from './receiving.ts';
import type { Handler, ConnectionState } from './connection-state.ts';

/** The notifications of one connection. They have no span: what one is about decides what it carries, and where it runs. */
export class Notifications {
  readonly #state: ConnectionState;

  constructor(state: ConnectionState) {
    this.#state = state;
  }

  /** Sends a notification with the fields of what it is about, and returns what the transport returns. */
  send(message: Message, method: string, options: unknown): Promise<void> {
    const state = this.#state;
    const sending = this.#sending(message, method);
    if (sending === undefined) return state.pass(message, options);
    const context = sending === state.handshake ? postContext(state.suppresses, sending) : undefined;
    return state.pass(withFields(message, sending), state.withHeaders(options, sending), context);
  }

  #sending({ params }: Message, method: string): Sending | undefined {
    if (method === 'notifications/cancelled') {
      const request = isObject(params) ? this.#state.inFlight.takeSent(params['requestId']) : undefined;
      if (request !== undefined) {
        this.#state.end(request, cancelled);
        return request.sending;
      }
    }
    const active = contextApi.active();
    const meta = metaOf(params);
    if (
      meta === undefined &&
      trace.getSpanContext(active) === undefined &&
      propagation.getBaggage(active) === undefined
    )
      // What a client has to say after the answer, and the stream that it opens then, are part of the handshake.
      return method === 'notifications/initialized' ? this.#state.handshake : undefined;
    const sending = startOutbound(
      {
        transport: MCP,
        name: method,
        kind: SpanKind.CLIENT,
        target: this.#state.peer.target,
        carrier: meta,
        reader: metaFields,
        span: false,
        // It asks for no work, so it is no call.
        messages: 0,
      },
      this.#state.settings.hop,
    );
    sending.end();
    // News of a tool that is as deep as a chain may go arrives all the same, but nothing can follow from it in the chain.
    return sending.refused === undefined ? sending : undefined;
  }

  /** Hands what came in to the protocol. */
  incoming(handler: Handler, message: Message, method: string, extra: MessageExtra | undefined): void {
    const active = contextApi.active();
    const { params } = message;
    if (isObject(params)) {
      if (method === 'notifications/progress') {
        const request = this.#state.inFlight.byToken(params['progressToken']);
        if (request !== undefined) return this.#state.runAsCaller(request, handler, message, extra);
      } else if (method === 'notifications/cancelled') {
        const request = this.#state.inFlight.takeReceived(params['requestId']);
        if (request !== undefined) {
          this.#state.end(request, cancelled);
          return this.#state.run(request.received.context, handler, message, extra);
        }
      }
    }
    if (!continues(method))
      return this.#state.run(newsContext(this.#state.peer, active, extra), handler, message, extra);
    const meta = metaOf(params);
    if (meta?.['traceparent'] === undefined && meta?.['baggage'] === undefined)
      return this.#state.run(arrivalContext(this.#state.peer, active, extra), handler, message, extra);
    const received = startReceiving(this.#state, {
      method,
      name: method,
      attributes: undefined,
      span: false,
      notice: true,
      meta,
      extra,
    });
    received.end();
    this.#state.run(received.context, handler, message, extra);
  }
}

// Changed lists and resources are news to everyone: what follows from them is no part of the trace that changed them.
function continues(method: string): boolean {
  return (
    method !== 'notifications/initialized' &&
    method !== 'notifications/resources/updated' &&
    !method.endsWith('/list_changed')
  );
}

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
import type { Handler, Wire } from './wire.ts';

/** The notifications of one connection. They have no span: what one is about decides what it carries, and where it runs. */
export class Notifications {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Sends a notification with the fields of what it is about, and returns what the transport returns. */
  send(message: Message, method: string, options: unknown): Promise<void> {
    const wire = this.#wire;
    const sending = this.#sending(message, method);
    if (sending === undefined) return wire.pass(message, options);
    const context = sending === wire.handshake ? postContext(wire.suppresses, sending) : undefined;
    return wire.pass(withFields(message, sending), wire.withHeaders(options, sending), context);
  }

  #sending({ params }: Message, method: string): Sending | undefined {
    if (method === 'notifications/cancelled') {
      const request = isObject(params) ? this.#wire.inFlight.takeSent(params['requestId']) : undefined;
      if (request !== undefined) {
        this.#wire.end(request, cancelled);
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
      return method === 'notifications/initialized' ? this.#wire.handshake : undefined;
    const sending = startOutbound(
      {
        transport: MCP,
        name: method,
        kind: SpanKind.CLIENT,
        target: this.#wire.peer.target,
        carrier: meta,
        reader: metaFields,
        span: false,
        // It asks for no work, so it is no call.
        messages: 0,
      },
      this.#wire.settings.hop,
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
        const request = this.#wire.inFlight.byToken(params['progressToken']);
        if (request !== undefined) return this.#wire.runAsCaller(request, handler, message, extra);
      } else if (method === 'notifications/cancelled') {
        const request = this.#wire.inFlight.takeReceived(params['requestId']);
        if (request !== undefined) {
          this.#wire.end(request, cancelled);
          return this.#wire.run(request.received.context, handler, message, extra);
        }
      }
    }
    if (!continues(method)) return this.#wire.run(newsContext(this.#wire.peer, active, extra), handler, message, extra);
    const meta = metaOf(params);
    if (meta?.['traceparent'] === undefined && meta?.['baggage'] === undefined)
      return this.#wire.run(arrivalContext(this.#wire.peer, active, extra), handler, message, extra);
    const received = startReceiving(this.#wire, {
      method,
      name: method,
      attributes: undefined,
      span: false,
      notice: true,
      meta,
      extra,
    });
    received.end();
    this.#wire.run(received.context, handler, message, extra);
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

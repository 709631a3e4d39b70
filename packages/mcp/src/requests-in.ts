import { withAnswer } from './carrier.ts';
import type { MessageExtra, Message, RequestId } from './message.ts';
import { metaOf } from './message.ts';
import { operationOf } from './operation.ts';
import { refusalAnswer, refusedOutcome } from './refusal.ts';
import { startReceiving } from './receiving.ts';
import type { Handler, ConnectionState } from './connection-state.ts';

/** The requests of one connection that come in: a SERVER span each, from the request to its answer. */
export class RequestsIn {
  readonly #state: ConnectionState;

  constructor(state: ConnectionState) {
    this.#state = state;
  }

  /** Hands a request to the protocol in the context that it offers, or answers it where the limits of its chain refuse it. */
  handle(handler: Handler, message: Message, method: string, id: RequestId, extra: MessageExtra | undefined): void {
    const { params } = message;
    const meta = metaOf(params);
    const span = this.#state.hasSpan(method, 'inbound');
    const operation = span ? operationOf(method, params) : undefined;
    const version = operation && this.#state.version(meta, extra);
    const timing = operation && this.#state.start('server', operation, version);
    const name = operation?.name ?? method;
    const attributes = operation && this.#state.attributes(operation);
    const isUntraced = meta?.['traceparent'] === undefined;
    const links = span && isUntraced && asksBack.has(method) ? this.#state.inFlight.links() : undefined;
    const received = startReceiving(this.#state, { method, name, attributes, span, links, meta, extra });
    if (operation !== undefined) received.describe(this.#state.description(operation, id, version, params));
    if (received.refused !== undefined) {
      received.end();
      timing?.end(refusedOutcome(received), received.context);
      return this.#state.passAlone(refusalAnswer(id, method, params, received), undefined);
    }
    // Without a span there is nothing that an answer could end; the one to `initialize` tells the version.
    if (span || method === 'initialize')
      this.#state.inFlight.received(id, { method, received, operation, timing, signal: extra?.request?.signal });
    else received.end();
    try {
      this.#state.run(received.context, handler, message, extra);
    } catch (error) {
      const request = this.#state.inFlight.takeReceived(id);
      const outcome = { failed: true, error };
      if (request === undefined) received.end(outcome);
      else this.#state.end(request, outcome);
      throw error;
    }
  }

  /** Ends the request that a message answers, and returns the message to send. */
  answered(message: Message): Message {
    const request = this.#state.inFlight.takeReceived(message.id);
    if (request === undefined) return message;
    this.#state.answer(request, message, 'server');
    return withAnswer(message, request.received.answer);
  }
}

// What a server asks while it works on a call. Where it does not carry that call's context, it may belong to any that is in flight.
const asksBack: ReadonlySet<string> = new Set(['sampling/createMessage', 'elicitation/create', 'roots/list']);

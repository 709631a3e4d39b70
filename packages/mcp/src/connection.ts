import { context as contextApi } from '@opentelemetry/api';
import { arrivalContext } from './contexts.ts';
import { isId, isObject } from './message.ts';
import type { MessageExtra } from './message.ts';
import { Notifications } from './notifications.ts';
import type { McpSettings } from './options.ts';
import { RequestsIn } from './requests-in.ts';
import { RequestsOut } from './requests-out.ts';
import { ConnectionState } from './connection-state.ts';
import type { Handler, TracedTransport } from './connection-state.ts';

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
  readonly #state: ConnectionState;
  readonly #out: RequestsOut;
  readonly #in: RequestsIn;
  readonly #notifications: Notifications;

  /** `version` is that of the protocol, where it has been agreed on. */
  constructor(transport: TracedTransport, settings: McpSettings, version?: unknown) {
    this.#state = new ConnectionState(transport, settings, version);
    this.#out = new RequestsOut(this.#state);
    this.#in = new RequestsIn(this.#state);
    this.#notifications = new Notifications(this.#state);
  }

  /** What the protocol hears messages with. */
  get handler(): Handler | undefined {
    return this.#state.handler;
  }

  set handler(handler: Handler | undefined) {
    this.#state.handler = handler;
  }

  /** How many requests of both directions are not answered yet. */
  get unanswered(): number {
    return this.#state.inFlight.size;
  }

  /** Sends what the protocol hands over, and returns what the transport returns. */
  send(message: unknown, options: unknown): Promise<void> {
    const state = this.#state;
    if (!isObject(message)) return state.transport.send(message, options);
    const { method, id } = message;
    if (typeof method !== 'string') return state.pass(this.#in.answered(message), state.answerOptions(options));
    if (isId(id)) return this.#out.send(message, method, id, options);
    return id === undefined ? this.#notifications.send(message, method, options) : state.pass(message, options);
  }

  /** Ends what waits for the connection: the protocol is about to close it, as after a handshake that timed out. */
  leave(): void {
    this.#state.inFlight.giveUpHandshake();
  }

  /** Hands what the transport received to the protocol's handler, in the context that it belongs in. */
  receive(message: unknown, extra: unknown): void {
    const state = this.#state;
    const { handler } = state;
    if (handler === undefined) return;
    if (!isObject(message)) return handler.call(state.transport, message, extra);
    const { method, id } = message;
    const told = extra as MessageExtra | undefined;
    if (typeof method === 'string') {
      if (isId(id)) return this.#in.handle(handler, message, method, id, told);
      if (id === undefined) return this.#notifications.incoming(handler, message, method, told);
    }
    const request = state.inFlight.takeSent(id);
    if (request !== undefined) return this.#out.answered(request, message, extra);
    // An answer that nothing was kept for: it calls nobody, its caller waits for a promise.
    if (typeof method !== 'string') return handler.call(state.transport, message, extra);
    state.run(arrivalContext(state.peer, contextApi.active(), told), handler, message, extra);
  }

  /** Ends what is open, and the session: the transport is closed. */
  close(): void {
    this.#state.close();
  }
}

import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { startOutbound, textOf, warnOnce } from '@throughline/core/adapter';
import type { Outcome, Sending } from '@throughline/core/adapter';
import { othersWatchUndici } from '@throughline/core/http';
import { withHeaders } from './carrier.ts';
import { addRequest, resultAttributes } from './content.ts';
import { otherContext } from './contexts.ts';
import {
  ATTR_JSONRPC_REQUEST_ID,
  ATTR_MCP_PROTOCOL_VERSION,
  ATTR_MCP_SESSION_ID,
  MCP,
  META_PROTOCOL_VERSION,
} from './conventions.ts';
import { enrichOutcome } from './execute-tool.ts';
import { versionHeader } from './http-request.ts';
import { InFlight } from './in-flight.ts';
import type { InboundRequest, OutboundRequest } from './in-flight.ts';
import { isObject } from './message.ts';
import type { Message, MessageExtra, ObjectValue, RequestId } from './message.ts';
import { timed } from './metrics.ts';
import type { Side } from './labels.ts';
import type { Timing } from './metrics.ts';
import { label, outcomeOf, requestId } from './operation.ts';
import type { Operation } from './operation.ts';
import { spansByDefault } from './options.ts';
import type { Direction, McpSettings } from './options.ts';
import { peerOf } from './peer.ts';
import type { TransportPeer } from './peer.ts';
import { Rounds } from './rounds.ts';

/** What the protocol hangs onto a transport to hear its messages. */
export type Handler = (message: unknown, extra?: unknown) => void;

/** A transport as it is used here. */
export interface TracedTransport {
  send(message: unknown, options?: unknown): Promise<void>;
  close(): Promise<void>;
  onmessage?: Handler | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: unknown) => void) | undefined;
  readonly sessionId?: unknown;
}

/** What all messages of one connection share: the transport, who is at its other end, and which requests are not answered yet. */
export class ConnectionState {
  readonly transport: TracedTransport;
  readonly settings: McpSettings;
  readonly peer: TransportPeer;
  /** Whether the HTTP requests of the transport run under suppressed tracing. */
  readonly suppresses: boolean;
  readonly inFlight: InFlight = new InFlight((request, outcome) => this.end(request, outcome));
  /** What the protocol hears messages with. */
  handler: Handler | undefined;
  readonly #rounds = new Rounds();
  #protocolVersion: string | undefined;
  /** The latest `initialize` that was answered, at the client. */
  handshake: Sending | undefined;
  #session: { readonly side: Side; readonly since: number } | undefined;

  constructor(transport: TracedTransport, settings: McpSettings, version: unknown) {
    this.#protocolVersion = label(version);
    this.transport = transport;
    this.settings = settings;
    this.peer = peerOf(transport, settings.given);
    this.suppresses = this.peer.fetch !== undefined && (settings.given.suppressInner ?? this.peer.fetch === 'own');
  }

  /** Sends a message that is no request of ours, and returns what the transport returns. */
  pass(message: unknown, options: unknown, active: Context = contextApi.active()): Promise<void> {
    if (this.peer.fetch === undefined) return this.transport.send(message, options);
    const wanted = otherContext(this.suppresses, active);
    return contextApi.with(wanted, this.transport.send, this.transport, message, options);
  }

  /** Sends a message that nobody waits for to be sent, as it is our own. */
  passAlone(message: unknown, options: unknown): void {
    const failed = (error: unknown): void => this.transport.onerror?.(error);
    try {
      this.pass(message, options).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /**
   * Returns the options to send a message with: where it leaves as an HTTP request of its own, the fields of its hop are in the
   * headers too, for who looks at HTTP alone.
   */
  withHeaders(options: unknown, sending: Sending): unknown {
    if (this.#writesHeaders()) return withHeaders(options, sending);
    // A third party's HTTP spans are seen by nobody here.
    if (this.peer.fetch === 'own' && this.suppresses && !this.peer.takesHeaders && sending.mode === 'write') {
      if (this.settings.hop.firstParty(this.peer.target)) warnOnce('mcp.headers', noHeaders);
    }
    return options;
  }

  /** Returns the options to send an answer with. Its message carries nothing; its HTTP request is one like any other. */
  answerOptions(options: unknown): unknown {
    if (!this.#writesHeaders()) return options;
    // No hop of its own, so it is neither ended nor counted.
    const answer = startOutbound(
      { transport: MCP, name: 'answer', kind: SpanKind.CLIENT, target: this.peer.target, span: false, reply: true },
      this.settings.hop,
    );
    return answer.refused === undefined ? withHeaders(options, answer) : options;
  }

  // An instrumentation of undici would add a second `traceparent` to ours, and a server reads neither of two.
  #writesHeaders(): boolean {
    return this.peer.takesHeaders && (this.suppresses || !othersWatchUndici());
  }

  /** Hands a message to the protocol in a context. */
  run(wanted: Context, handler: Handler, message: unknown, extra: unknown): void {
    contextApi.with(wanted, handOver, undefined, handler, this.transport, message, extra);
  }

  /**
   * Hands a message to the protocol where its request was made. Going back to the caller's own scope costs less than entering its
   * context anew, and brings its other stores back too. The context manager may be one that does not live in scopes; where it
   * does, `with` has nothing left to do.
   */
  runAsCaller(
    { scope, caller }: OutboundRequest,
    handler: Handler | undefined,
    message: unknown,
    extra: unknown,
  ): void {
    if (handler !== undefined) scope.runInAsyncScope(inContext, this.transport, caller, handler, message, extra);
  }

  /** Whether a request has a span. */
  hasSpan(method: string, direction: Direction): boolean {
    if (!this.settings.hop.spans) return false;
    try {
      return this.settings.spanFor(method, direction);
    } catch (error) {
      warnOnce('mcp.spanFor', `\`spanFor\` threw, so the default decides: ${textOf(error)}`);
      return spansByDefault(method);
    }
  }

  /** Returns the protocol version that a request is of, where it is known. */
  version(meta: ObjectValue | undefined, extra: MessageExtra | undefined): string | undefined {
    return this.#protocolVersion ?? label(meta?.[META_PROTOCOL_VERSION]) ?? versionHeader(extra);
  }

  /** Returns what the span of a request says at its start: what samplers decide by is all that a span costs which nobody records. */
  attributes({ attributes }: Operation): Attributes {
    return this.peer.host === undefined ? attributes : { ...attributes, ...this.peer.host };
  }

  /** Returns what tells the span of a request all else that is known of the request. */
  description(
    { method }: Operation,
    id: RequestId,
    version: string | undefined,
    params: unknown,
  ): (span: Span) => void {
    return (span) => this.#describe(span, method, id, version, params);
  }

  #describe(span: Span, method: string, id: RequestId, version: string | undefined, params: unknown): void {
    const text = requestId(id);
    if (text !== undefined) span.setAttribute(ATTR_JSONRPC_REQUEST_ID, text);
    for (const [name, value] of this.peer.attributes)
      if (this.peer.host?.[name] === undefined) span.setAttribute(name, value);
    if (version !== undefined) span.setAttribute(ATTR_MCP_PROTOCOL_VERSION, version);
    const session = label(this.transport.sessionId);
    if (session !== undefined) span.setAttribute(ATTR_MCP_SESSION_ID, session);
    const { record } = this.settings;
    if (record === undefined) return;
    const content: Attributes = {};
    addRequest(content, record, method, params);
    span.setAttributes(content);
  }

  /** Starts the clock of a request, where anybody measures. */
  start(side: Side, operation: Operation, version: string | undefined): Timing | undefined {
    return timed(this.settings.durations.request(side, operation, { attributes: this.peer.attributes, version }));
  }

  /** Returns the spans of the rounds of this operation that came before. */
  links(caller: Context, operation: Operation, params: unknown): ReturnType<Rounds['links']> {
    return this.#rounds.links(caller, operation, params);
  }

  /** Learns what the answer to `initialize` says about the session. */
  learn(result: unknown, side: Side): void {
    if (!isObject(result)) return;
    this.#protocolVersion = label(result['protocolVersion']) ?? this.#protocolVersion;
    // Over HTTP there is a session only where the server gave it an id.
    if (this.peer.target.channel === 'host' && this.transport.sessionId === undefined) return;
    this.#session ??= { side, since: performance.now() };
  }

  /** Ends a request with what its answer says. */
  answer(request: OutboundRequest | InboundRequest, answer: Message, side: Side): void {
    if (request.method === 'initialize') {
      this.learn(answer.result, side);
      if ('sending' in request && isObject(answer.result)) this.handshake = request.sending;
    }
    this.end(request, this.#outcome(answer, request, side));
  }

  #outcome(answer: Message, request: OutboundRequest | InboundRequest, side: Side): Outcome | undefined {
    const { method, operation } = request;
    const outcome = outcomeOf(answer, method, side);
    if (operation === undefined) return outcome;
    if ('caller' in request && method !== 'initialize') {
      const span = request.outer ?? request.sending.span;
      this.#rounds.keep(request.caller, operation, answer.result, span.spanContext());
    }
    const { record } = this.settings;
    if (record === undefined || method !== 'tools/call' || answer.result === undefined) return outcome;
    const attributes = resultAttributes(record, answer.result, operation.tool);
    return attributes === undefined ? outcome : { ...outcome, attributes: { ...outcome?.attributes, ...attributes } };
  }

  /** Ends the hop of a request that is known no more, and measures it. */
  end(request: OutboundRequest | InboundRequest, outcome: Outcome | undefined): void {
    const hop = 'sending' in request ? request.sending : request.received;
    hop.end(outcome);
    if ('outer' in request && request.outer !== undefined) enrichOutcome(request.outer, outcome);
    request.timing?.end(outcome, hop.context);
  }

  /** Ends what is open, and the session: the transport is closed. */
  close(): void {
    this.inFlight.close();
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const { attributes } = this.peer;
    this.settings.durations.session(session.side, (performance.now() - session.since) / 1000, {
      attributes,
      version: this.#protocolVersion,
    });
  }
}

const noHeaders =
  "the HTTP requests of this MCP client transport carry no trace context in their headers, so that a server's HTTP spans are traces of their own. Give the transport a traced fetch: new StreamableHTTPClientTransport(url, { fetch: traceFetch() }), of @throughline/fetch.";

// `with` would make a bound function of a method.
function handOver(handler: Handler, transport: TracedTransport, message: unknown, extra: unknown): void {
  handler.call(transport, message, extra);
}

function inContext(this: TracedTransport, wanted: Context, handler: Handler, message: unknown, extra: unknown): void {
  if (contextApi.active() === wanted) handler.call(this, message, extra);
  else contextApi.with(wanted, handler, this, message, extra);
}

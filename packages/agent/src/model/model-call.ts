import { createContextKey, context as contextApi } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { guarded, whenSettled } from '@throughline/core/adapter';
import { ATTR_ERROR_TYPE, ATTR_HTTP_RESPONSE_STATUS_CODE } from '../conventions.ts';
import { tellEvent } from '../events.ts';
import type { EventAttributes } from '../events.ts';
import {
  ATTR_ATTEMPT_DURATION,
  ATTR_ATTEMPT_NUMBER,
  ATTR_ATTEMPT_RETRY_AFTER,
  ATTR_STALL_DURATION,
  EVENT_ATTEMPT_FAILED,
  EVENT_FIRST_CHUNK,
  EVENT_FIRST_TOKEN,
  EVENT_HEADERS,
  EVENT_REQUEST_SENT,
  EVENT_STALL,
} from '../own-names.ts';
import type { OpenStep } from '../run-step.ts';
import type { Settings } from '../settings.ts';
import type { ModelAnswer } from '../step.ts';
import { modelErrorType } from './error-type.ts';
import { readHeaders } from './headers.ts';
import type { HeadersLike, HeadersSaid } from './headers.ts';
import { Phases } from './phases.ts';
import { loose } from './said.ts';
import type { AnswerReader, Said } from './said.ts';

/** A call of a model that runs. Nothing of it throws but what its own callbacks do. */
export interface ModelCall {
  readonly span: Span;
  /** What runs in the call runs in this. */
  readonly context: Context;
  /** `fetch`, whose requests are the attempts of the call: for a client that takes one. */
  readonly fetch: typeof globalThis.fetch;
  /** Returns what `send` returns, which is one attempt of the call: for a client that does not take a `fetch`. */
  attempt<T>(send: () => T): T;
  /** Takes in what the provider says in its headers. */
  headers(headers: HeadersLike): void;
  /** Takes in what the answer says, where that is not read by itself. */
  answer(answer: ModelAnswer): void;
}

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const callKey = createContextKey('throughline.agent.model-call');

/** Returns the model call that a context runs in. */
export function modelCallIn(context: Context = contextApi.active()): OpenCall | undefined {
  const call = context.getValue(callKey) as OpenCall | undefined;
  return call === undefined || call.isOver ? undefined : call;
}

/** What is said where no headers came. */
export const NO_HEADERS: HeadersSaid = {};

const MAX_STALL_EVENTS = 16;
const MAX_TEXT = 65_536;

interface OpenCallDetail {
  readonly operation: string;
  readonly keepsText: boolean;
  readonly chunkLabels: Attributes | undefined;
  /** Of the same work, in calls of their own. */
  readonly attemptsBefore: number;
}

/** A model call, from its start to its end: what was sent when, what came back, and what it says. */
export class OpenCall implements ModelCall {
  readonly span: Span;
  readonly context: Context;
  readonly phases: Phases = new Phases();
  readonly said: Record<keyof Said, unknown> = Object.create(null) as Record<keyof Said, unknown>;
  readonly fetch: typeof globalThis.fetch;
  // Taken apart by who is given the call, as `fetch` is.
  readonly attempt = <T>(send: () => T): T => this.#attempt(send);
  headersSaid: HeadersSaid = NO_HEADERS;
  /** The answer's text, where content is recorded. */
  text = '';
  hasText = false;
  hasToolCall = false;
  isOver = false;
  /** A client that runs in the call, and is traced, says what comes. */
  isFed = false;
  readonly operation: string;
  readonly #settings: Settings;
  readonly #read: AnswerReader;
  readonly #keepsText: boolean;
  readonly #chunkLabels: Attributes | undefined;
  readonly #attemptsBefore: number;
  #failedAt: number | undefined;

  constructor(
    open: OpenStep,
    settings: Settings,
    read: AnswerReader,
    { operation, keepsText, chunkLabels, attemptsBefore }: OpenCallDetail,
  ) {
    this.operation = operation;
    this.#attemptsBefore = attemptsBefore;
    this.span = open.span;
    this.context = open.context.setValue(callKey, this);
    this.#settings = settings;
    this.#read = read;
    this.#keepsText = keepsText;
    this.#chunkLabels = chunkLabels;
    this.fetch = this.fetchBy(globalThis.fetch);
  }

  /** Returns a `fetch` that sends by this one. */
  fetchBy(base: typeof globalThis.fetch): typeof globalThis.fetch {
    return (input, init) => this.attempt(() => base(input, init));
  }

  #attempt<T>(send: () => T): T {
    if (this.isOver) return send();
    const { phases } = this;
    const now = performance.now();
    if (phases.firstSent === undefined) {
      phases.firstSent = now;
      phases.attempts = 1;
    } else if (this.#failedAt !== undefined) {
      phases.attempts++;
      phases.retryWait += now - this.#failedAt;
    }
    phases.lastSent = now;
    this.#failedAt = undefined;
    const number = this.#attemptsBefore + phases.attempts;
    this.#tell(EVENT_REQUEST_SENT, { [ATTR_ATTEMPT_NUMBER]: number });
    return whenSettled(send, (failed, value) => {
      if (failed) this.#failed(number, now, this.#thrown(value));
      else if (isResponse(value)) this.#answered(number, now, value);
    });
  }

  headers(headers: HeadersLike): void {
    guarded('content', () => {
      const said = readHeaders(headers);
      this.headersSaid = said;
      this.phases.queue ??= said.queue;
    });
  }

  /** Takes in that headers have come, and a stream begins. */
  answered(): void {
    this.phases.headers = performance.now();
    this.#tell(EVENT_HEADERS);
  }

  answer(answer: ModelAnswer): void {
    this.take(answer);
  }

  /** Takes in a chunk of the stream. */
  chunk(value: unknown, waited: number): void {
    const { phases } = this;
    const now = performance.now();
    const isFirst = phases.firstChunk === undefined;
    const stalled = phases.takeChunk(now, waited, this.#settings.stallMs);
    if (isFirst) this.#tell(EVENT_FIRST_CHUNK);
    else if (this.#chunkLabels !== undefined) this.#settings.instruments()?.chunk(waited / 1000, this.#chunkLabels);
    if (stalled > 0 && phases.stalls <= MAX_STALL_EVENTS)
      this.#tell(EVENT_STALL, { [ATTR_STALL_DURATION]: stalled / 1000 });
    this.read(value);
    if (phases.firstToken === undefined && (this.hasText || this.hasToolCall)) {
      phases.firstToken = now;
      this.#tell(EVENT_FIRST_TOKEN);
    }
  }

  /** Takes in what a chunk or an answer says. */
  read(value: unknown): void {
    try {
      const said = this.#read(value);
      if (said !== undefined) this.take(said);
    } catch (error) {
      guarded('content', () => {
        throw error;
      });
    }
  }

  /** Whether a stream has told how it came out, and what it took. */
  get hasSaidAll(): boolean {
    const { finishReasons, inputTokens, outputTokens } = this.said;
    return finishReasons !== undefined && (inputTokens !== undefined || outputTokens !== undefined);
  }

  take(said: Said): void {
    const { text } = said;
    if (text !== undefined && text !== '') {
      this.hasText = true;
      if (this.#keepsText && this.text.length < MAX_TEXT) this.text += text;
    }
    if (said.toolCall === true) this.hasToolCall = true;
    for (const name in said) {
      const value = said[name as keyof Said];
      if (value !== undefined && value !== null && name !== 'text') this.said[name as keyof Said] = value;
    }
    if (typeof said.queueSeconds === 'number') this.phases.queue = said.queueSeconds;
  }

  #answered(number: number, sent: number, response: Response): void {
    this.headers(response.headers);
    const { retryAfter } = this.headersSaid;
    if (response.status >= 400) {
      return this.#failed(number, sent, {
        [ATTR_ERROR_TYPE]: String(response.status),
        [ATTR_HTTP_RESPONSE_STATUS_CODE]: response.status,
        [ATTR_ATTEMPT_RETRY_AFTER]: retryAfter,
      });
    }
    this.answered();
  }

  /** Takes in what a client threw, which may hold the answer's status and headers. */
  #thrown(error: unknown): EventAttributes {
    let [status, retryAfter]: (number | undefined)[] = [];
    guarded('content', () => {
      const { statusCode, responseHeaders: headers } = loose(error);
      if (typeof statusCode === 'number') status = statusCode;
      if (typeof headers !== 'object' || headers === null) return;
      this.headers(headers as HeadersLike);
      ({ retryAfter } = this.headersSaid);
    });
    return {
      [ATTR_ERROR_TYPE]: modelErrorType(error),
      [ATTR_HTTP_RESPONSE_STATUS_CODE]: status,
      [ATTR_ATTEMPT_RETRY_AFTER]: retryAfter,
    };
  }

  #failed(number: number, sent: number, attributes: EventAttributes): void {
    const now = performance.now();
    this.#failedAt = now;
    this.#tell(EVENT_ATTEMPT_FAILED, {
      [ATTR_ATTEMPT_NUMBER]: number,
      [ATTR_ATTEMPT_DURATION]: (now - sent) / 1000,
      ...attributes,
    });
  }

  #tell(name: string, attributes?: EventAttributes): void {
    if (!this.isOver) tellEvent(this.#settings, this.span, this.context, name, attributes);
  }
}

function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers } = value as Partial<Response>;
  return typeof status === 'number' && typeof headers?.get === 'function';
}

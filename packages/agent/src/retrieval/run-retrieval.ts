import { SpanKind } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import {
  checkFunction,
  checkMilliseconds,
  checkName,
  checkObject,
  checkWhole,
  failureType,
  guarded,
  optionError,
} from '@throughline/core/adapter';
import { contentText, records } from '../content.ts';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_DATA_SOURCE_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_REQUEST_TOP_K,
  ATTR_GEN_AI_RETRIEVAL_DOCUMENTS,
  ATTR_GEN_AI_RETRIEVAL_QUERY_TEXT,
  ATTR_GEN_AI_RETRIEVAL_TOP_K,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  RETRIEVAL,
} from '../conventions.ts';
import { addPlace, followCounted, placeOf } from '../counted-step.ts';
import { endingOutcome } from '../ending.ts';
import type { Ending } from '../follow-stream.ts';
import type { AgentOptions, OwnAttributes } from '../options.ts';
import {
  ATTR_RETRIEVAL_COUNT,
  ATTR_RETRIEVAL_NEWEST,
  ATTR_RETRIEVAL_OLDEST,
  ATTR_RETRIEVAL_STALE,
  ATTR_RETRIEVAL_UNDATED,
} from '../own-names.ts';
import { startStep } from '../run-step.ts';
import type { OpenStep } from '../run-step.ts';
import type { Settings } from '../settings.ts';
import { tellSignal } from '../signal.ts';
import type { TurnState } from '../turn.ts';
import { documentsIn, Retrieved, updatedAtOf } from './documents.ts';

/** What is retrieved. */
export interface RetrievalRequest {
  /** The store or index that is asked. */
  readonly source: string;
  /** How many documents are asked for. */
  readonly topK?: number | undefined;
  /** What is searched for. It goes onto the span where `content.queries` says so. */
  readonly query?: unknown;
  /** The model that embeds or ranks. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
}

/** The options of {@link runRetrieval}. */
export interface RunRetrievalOptions extends AgentOptions, OwnAttributes {
  /** Milliseconds from which on a document is stale: a retrieval that brings one gets the signal `stale_retrieval`. Default: none is. */
  readonly maxAgeMs?: number | undefined;
  /** Returns the documents of a result. Default: the result where it is a list, or its `documents`, `results`, `matches`, `hits` and the like. */
  readonly documents?: ((result: unknown) => Iterable<unknown> | undefined) | undefined;
  /**
   * Returns when a document was last changed: a `Date`, a text, or seconds or milliseconds since the epoch. Default: its `updatedAt`, `timestamp`
   * or `lastModified`, or that of its `metadata`.
   */
  readonly updatedAt?: ((document: unknown) => unknown) | undefined;
}

/** A retrieval that runs. */
export interface RetrievalRun {
  readonly span: Span;
  /** What runs in the retrieval runs in this. */
  readonly context: Context;
}

/**
 * Returns what `fn` returns, run as a retrieval: an INTERNAL span `retrieval`, which is active in it and ends as that of `runAgent` does.
 * It says how many documents came back and how old they are; each chunk of a stream is a document. No documents are the signal
 * `empty_retrieval`, and ones that are too old `stale_retrieval`. A turn counts its retrievals apart from its tool calls. A thrown value comes
 * out as the same object. Throws a `ThroughlineError` for wrong options.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/retrieval.md
 *
 * @example
 * ```ts
 * const request = { source: 'handbook', topK: 5, query };
 * const passages = await runRetrieval(request, { maxAgeMs: 30 * 86_400_000 }, () => index.search(query, 5));
 * ```
 */
export function runRetrieval<T>(request: RetrievalRequest, fn: (run: RetrievalRun) => T): T;
export function runRetrieval<T>(
  request: RetrievalRequest,
  options: RunRetrievalOptions | undefined,
  fn: (run: RetrievalRun) => T,
): T;
export function runRetrieval<T>(
  request: RetrievalRequest,
  ...given: [fn: (run: RetrievalRun) => T] | [options: RunRetrievalOptions | undefined, fn: (run: RetrievalRun) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  check(request, options);
  const place = placeOf(options);
  const { turn, settings } = place;
  const attributes: Attributes = { ...options?.attributes, ...requestAttributes(request, settings, turn) };
  addPlace(attributes, place);
  const step = settings.olderNames
    ? { name: `${RETRIEVAL} ${request.source}`, kind: SpanKind.CLIENT, attributes }
    : { name: RETRIEVAL, kind: SpanKind.INTERNAL, attributes };
  const open = startStep(step, settings.tracer);
  const query = contentText(settings.content, 'query', request.query);
  if (query !== undefined) open.describe({ [ATTR_GEN_AI_RETRIEVAL_QUERY_TEXT]: query });
  const reading = new Reading(settings, options);
  return followCounted(() => fn({ span: open.span, context: open.context }), open, place, {
    counts: 'retrievals',
    work: `retrieval ${request.source}`,
    chunk: (document) => reading.take(document),
    end: (ending) => {
      if (ending.how === 'done') reading.result(ending);
      return endRetrieval(reading, { open, settings, turn }, ending);
    },
    measure: (seconds, failure) => measure(settings, turn, request, seconds, failure),
  });
}

function check(request: RetrievalRequest, options: RunRetrievalOptions | undefined): void {
  checkObject('request', request, "an object, such as { source: 'handbook' }");
  if (request?.source === undefined) throw optionError('request.source', 'the name of the store', undefined);
  checkName('request.source', request.source);
  checkWhole('request.topK', request.topK, 0);
  checkMilliseconds('maxAgeMs', options?.maxAgeMs, '86400000');
  checkFunction('documents', options?.documents, 'a function of the result');
  checkFunction('updatedAt', options?.updatedAt, 'a function of a document');
}

function requestAttributes(request: RetrievalRequest, settings: Settings, turn: TurnState | undefined): Attributes {
  const { source, topK, model, provider, serverAddress, serverPort } = request;
  return {
    [ATTR_GEN_AI_OPERATION_NAME]: RETRIEVAL,
    [ATTR_GEN_AI_DATA_SOURCE_ID]: source,
    [settings.olderNames ? ATTR_GEN_AI_REQUEST_TOP_K : ATTR_GEN_AI_RETRIEVAL_TOP_K]: topK,
    [ATTR_GEN_AI_REQUEST_MODEL]: model,
    [ATTR_GEN_AI_PROVIDER_NAME]: provider,
    [ATTR_SERVER_ADDRESS]: serverAddress,
    [ATTR_SERVER_PORT]: serverAddress === undefined ? undefined : serverPort,
    [ATTR_GEN_AI_CONVERSATION_ID]: turn?.conversationId,
  };
}

const MAX_SHOWN = 100;

/** Reads what a retrieval brings. Functions of the user's that throw cost what they would have told. */
class Reading {
  /** What was counted, where it is known what came back. */
  retrieved: Retrieved | undefined;
  /** The first documents, where content is recorded. */
  readonly shown: unknown[] = [];
  readonly #options: RunRetrievalOptions | undefined;
  readonly #keeps: boolean;

  constructor(settings: Settings, options: RunRetrievalOptions | undefined) {
    this.#options = options;
    this.#keeps = records(settings.content, 'documents');
  }

  begin(): Retrieved {
    const { maxAgeMs = Infinity, updatedAt = updatedAtOf } = this.#options ?? {};
    return (this.retrieved ??= new Retrieved(Date.now(), maxAgeMs, updatedAt));
  }

  take(document: unknown): void {
    guarded('content', () => {
      if (this.#keeps && this.shown.length < MAX_SHOWN) this.shown.push(document);
      this.begin().add(document);
    });
  }

  /** Takes in what came out at the end. The documents of a stream have come before. */
  result({ value, streamed }: { readonly value?: unknown; readonly streamed?: true }): void {
    if (streamed === true) {
      // It may have been empty.
      this.begin();
      return;
    }
    guarded('content', () => {
      const documents = (this.#options?.documents ?? documentsIn)(value);
      if (documents === undefined) return;
      this.begin();
      for (const document of documents) this.take(document);
    });
  }
}

/** Ends the retrieval, and returns the class of its failure. */
function endRetrieval(
  { retrieved, shown }: Reading,
  {
    open,
    settings,
    turn,
  }: { readonly open: OpenStep; readonly settings: Settings; readonly turn: TurnState | undefined },
  ending: Ending,
): string | undefined {
  if (retrieved !== undefined) {
    const { count, oldest, newest, stale, undated } = retrieved;
    open.describe({
      [ATTR_RETRIEVAL_COUNT]: count,
      [ATTR_RETRIEVAL_OLDEST]: seconds(oldest),
      [ATTR_RETRIEVAL_NEWEST]: seconds(newest),
      [ATTR_RETRIEVAL_STALE]: stale > 0 ? stale : undefined,
      [ATTR_RETRIEVAL_UNDATED]: undated > 0 ? undated : undefined,
      [ATTR_GEN_AI_RETRIEVAL_DOCUMENTS]:
        shown.length > 0 ? contentText(settings.content, 'documents', shown) : undefined,
    });
    // Who left a stream early may have left before the first document.
    if (count === 0 && ending.how === 'done') tellSignal(settings, open.span, open.context, turn, 'empty_retrieval');
    if (stale > 0) {
      const attributes = { [ATTR_RETRIEVAL_STALE]: stale };
      tellSignal(settings, open.span, open.context, turn, 'stale_retrieval', { value: seconds(oldest), attributes });
    }
  }
  const outcome = endingOutcome(ending);
  open.end(outcome);
  return failureType(outcome);
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function measure(
  settings: Settings,
  turn: TurnState | undefined,
  { source, model, provider }: RetrievalRequest,
  took: number,
  type: string | undefined,
): void {
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels: Attributes = {
    [ATTR_GEN_AI_OPERATION_NAME]: RETRIEVAL,
    [ATTR_GEN_AI_DATA_SOURCE_ID]: instruments.label('source', source),
    [ATTR_GEN_AI_REQUEST_MODEL]: instruments.label('model', model),
    [ATTR_GEN_AI_PROVIDER_NAME]: instruments.label('provider', provider),
    [ATTR_GEN_AI_AGENT_NAME]: instruments.label('agent', turn?.agent),
  };
  if (type !== undefined) labels[ATTR_ERROR_TYPE] = type;
  instruments.operation(took, labels, RETRIEVAL);
}

import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { checkBoolean, checkName, checkObject, checkWhole, failureType, optionError } from '@throughline/core/adapter';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  PREDICT,
} from '../conventions.ts';
import { addPlace, followCounted, placeOf } from '../counted-step.ts';
import { digestOf } from '../digest.ts';
import { endingOutcome } from '../ending.ts';
import { rememberFailure } from '../failed-call.ts';
import type { Ending } from '../follow-stream.ts';
import type { AgentOptions, OwnAttributes } from '../options.ts';
import { ATTR_INFERENCE_BATCH_SIZE, ATTR_INPUT_DIGEST, ATTR_MODEL_VERSION } from '../own-names.ts';
import { startStep } from '../run-step.ts';
import { tellSignal } from '../signal.ts';
import { modelStep } from '../step.ts';
import { OpenRun } from './open-run.ts';
import type { InferenceRun, RunOf } from './open-run.ts';
import type { DriftWatch } from './watch-drift.ts';

/** What is run. */
export interface InferenceRequest {
  readonly model: string;
  readonly version?: string | undefined;
  /** How many inputs are run at once. */
  readonly batchSize?: number | undefined;
  /** Who serves it, where it is not this process. */
  readonly provider?: string | undefined;
  /** The host that serves it. The span is then CLIENT, and else INTERNAL. */
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  /** A digest of it goes onto the span of a run that fails. */
  readonly input?: unknown;
}

/** The options of {@link runInference}. */
export interface RunInferenceOptions extends AgentOptions, OwnAttributes {
  /** Where a tenth of the predictions of a run are less sure than this, it gets the signal `low_confidence`. Default: none. */
  readonly minConfidence?: number | undefined;
  /** What watches the scores for drift: see `watchDrift`. A window that has drifted is the signal `score_drift`. */
  readonly drift?: DriftWatch | undefined;
  /** Whether each phase has a span of its own. Default `false`: its time is an attribute of the run's. */
  readonly phaseSpans?: boolean | undefined;
}

/**
 * Returns what `fn` returns, run as a run of a model that is no chat, such as a classifier or a ranker: a span `predict {model}`, which is
 * active in it and ends as that of `runAgent` does. `predict` is an operation of our own: the conventions have none for it, and use the word
 * inference for chats. A thrown value comes out as the same object. Throws a `ThroughlineError` for wrong options.
 *
 * @example
 * ```ts
 * const request = { model: 'toxicity', version: '3', batchSize: texts.length };
 * const labels = await runInference(request, { minConfidence: 0.6 }, async (run) => {
 *   const tokens = run.preprocess(() => tokenize(texts));
 *   const scores = await run.infer(() => session.run(tokens));
 *   run.predictions(scores.map(({ confidence }) => confidence));
 *   return run.postprocess(() => scores.map(({ label }) => label));
 * });
 * ```
 */
export function runInference<T>(request: InferenceRequest, fn: (run: InferenceRun) => T): T;
export function runInference<T>(
  request: InferenceRequest,
  options: RunInferenceOptions | undefined,
  fn: (run: InferenceRun) => T,
): T;
export function runInference<T>(
  request: InferenceRequest,
  ...given: [fn: (run: InferenceRun) => T] | [options: RunInferenceOptions | undefined, fn: (run: InferenceRun) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  check(request, options);
  const place = placeOf(options);
  const { turn, settings } = place;
  const { model, version, provider, serverAddress } = request;
  const step = modelStep(model, { provider, operation: PREDICT, conversationId: turn?.conversationId });
  const kind = serverAddress === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
  const attributes: Attributes = {
    ...options?.attributes,
    ...step.attributes,
    [ATTR_MODEL_VERSION]: version,
    [ATTR_INFERENCE_BATCH_SIZE]: request.batchSize,
    [ATTR_SERVER_ADDRESS]: serverAddress,
    [ATTR_SERVER_PORT]: serverAddress === undefined ? undefined : request.serverPort,
  };
  addPlace(attributes, place);
  const open = startStep({ ...step, kind, attributes }, settings.tracer);
  const phaseSpans = options?.phaseSpans === true;
  const of: RunOf = { open, settings, turn, model, version, drift: options?.drift, phaseSpans };
  const run = new OpenRun(of);
  return followCounted(() => fn(run), open, place, {
    counts: 'inferences',
    work: `predict ${model}`,
    end: (ending) => endRun(run, of, request, options?.minConfidence, ending),
    measure: (seconds, failure) => measure(run, of, request, seconds, failure),
  });
}

function check(request: InferenceRequest, options: RunInferenceOptions | undefined): void {
  checkObject('request', request, "an object, such as { model: 'toxicity' }");
  if (request?.model === undefined) throw optionError('request.model', 'the name of the model', undefined);
  checkName('request.model', request.model);
  checkName('request.version', request.version);
  checkWhole('request.batchSize', request.batchSize, 0);
  checkBoolean('phaseSpans', options?.phaseSpans);
  const { minConfidence, drift } = options ?? {};
  if (minConfidence !== undefined && !Number.isFinite(minConfidence)) {
    throw optionError('minConfidence', 'a number, such as 0.6', minConfidence);
  }
  if (drift !== undefined && typeof drift?.observe !== 'function') {
    throw optionError('drift', 'what `watchDrift` returns', drift);
  }
}

/** Ends the run, and returns the class of its failure. */
function endRun(
  run: OpenRun,
  { open, settings, turn, model }: RunOf,
  { provider, serverAddress, input }: InferenceRequest,
  minConfidence: number | undefined,
  ending: Ending,
): string | undefined {
  const { p10 } = run.confidences;
  if (minConfidence !== undefined && p10 !== undefined && p10 < minConfidence) {
    tellSignal(settings, run.span, run.context, turn, 'low_confidence', { value: p10 });
  }
  run.isOver = true;
  const outcome = endingOutcome(ending);
  const type = failureType(outcome);
  const inputDigest = type === undefined || input === undefined ? undefined : digestOf(input);
  open.describe({ ...run.attributes(), [ATTR_INPUT_DIGEST]: inputDigest });
  open.end(outcome);
  if (ending.how === 'failed') {
    rememberFailure(ending.error, {
      errorType: type,
      operation: PREDICT,
      model,
      provider,
      serverAddress,
      agent: turn?.agent,
      conversationId: turn?.conversationId,
      requestId: undefined,
      inputDigest,
    });
  }
  return type;
}

function measure(
  { confidences }: OpenRun,
  { settings, turn, model, version }: RunOf,
  { batchSize }: InferenceRequest,
  seconds: number,
  type: string | undefined,
): void {
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels: Attributes = {
    [ATTR_GEN_AI_REQUEST_MODEL]: instruments.label('model', model),
    [ATTR_MODEL_VERSION]: instruments.label('version', version),
    [ATTR_GEN_AI_AGENT_NAME]: instruments.label('agent', turn?.agent),
  };
  if (type !== undefined) labels[ATTR_ERROR_TYPE] = type;
  instruments.inference({ seconds, batchSize, predictions: confidences.count }, labels);
}

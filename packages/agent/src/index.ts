export {
  agentStep,
  answerAttributes,
  modelStep,
  toolStep,
  type AgentDetail,
  type ModelAnswer,
  type ModelDetail,
  type Step,
  type ToolDetail,
} from './step.ts';
export {
  runStep,
  startStep,
  stepTracer,
  type OpenStep,
  type StepOptions,
  type StepOutcome,
  type StepStart,
} from './run-step.ts';
export { callModel } from './call-model.ts';
export type { ContentKind, ContentOptions } from './content.ts';
export type { GenAiConventions } from './conventions.ts';
export { errorFields } from './error-fields.ts';
export { recordEvaluation, type Evaluation } from './evaluation.ts';
export type { InferenceRun, ModelLoad } from './inference/open-run.ts';
export { runInference, type InferenceRequest, type RunInferenceOptions } from './inference/run-inference.ts';
export { populationStabilityIndex, type Distribution } from './inference/stability-index.ts';
export { watchDrift, type DriftOptions, type DriftWatch } from './inference/watch-drift.ts';
export { logFields, type LogFields } from './log-fields.ts';
export { pinoMixin, winstonFields } from './loggers.ts';
export type { HeadersLike } from './model/headers.ts';
export type { ModelCall } from './model/model-call.ts';
export type { ModelRequest } from './model/request.ts';
export type { CallModelOptions } from './model/start-call.ts';
export type { AnswerReader, Said } from './model/said.ts';
export type { AgentOptions, EventRecord, LoggerProviderLike } from './options.ts';
export type { Price, Prices } from './price.ts';
export { runRetrieval } from './retrieval/run-retrieval.ts';
export type { RetrievalRequest, RetrievalRun, RunRetrievalOptions } from './retrieval/run-retrieval.ts';
export { recordHandoff, runAgent, type RunAgentOptions, type Turn } from './run-agent.ts';
export { runTool, type RunToolOptions, type ToolRun } from './run-tool.ts';
export { recordSignal, type SignalDetail, type SignalKind } from './signal.ts';

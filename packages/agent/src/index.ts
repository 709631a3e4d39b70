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

export { startModel, type ModelOptions, type ModelRequest, type RunningModel } from './start.ts';
export {
  times,
  type Behaviour,
  type Failure,
  type FinishReason,
  type Report,
  type Tokens,
  type ToolCall,
} from './behaviour.ts';
export { holdAt, type Hold, type Moment, type Wait } from './moment.ts';
export { slow, usual, SLOW_KINDS, type SlowKind, type SlowOptions } from './slow.ts';
export type { Conversation, Item } from './conversation.ts';
export type { PromptCacheOptions } from './prompt-cache.ts';

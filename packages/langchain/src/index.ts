export { traceAgent, type AgentLike, type TraceAgentOptions } from './trace-agent.ts';
export { traceMiddleware, type TraceMiddleware } from './trace-middleware.ts';
export { traceModel, type ModelLike } from './trace-model.ts';
export { traceTool, type ToolLike } from './trace-tool.ts';

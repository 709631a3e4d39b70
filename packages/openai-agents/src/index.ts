export { traceAgents, type AgentsOptions } from './trace-agents.ts';
export { traceMcpServer, type McpServerLike, type McpServerOptions, type McpServerPeer } from './trace-mcp-server.ts';

export { extractContext, injectMeta } from './carrier.ts';
export { traceClient, type ClientLike } from './client.ts';
export type { Content, RecordOptions } from './content.ts';
export { traceEnv } from './environment.ts';
export { spansByDefault, type Direction, type McpOptions, type McpPeer } from './options.ts';
export { traceServer, type ServerLike } from './server.ts';
export { traceConnection, type ConnectedLike } from './trace-connection.ts';
export { traceToolHandler, type ToolHandlerOptions } from './tool-handler.ts';
export { traceTransport, type TransportLike } from './transport.ts';

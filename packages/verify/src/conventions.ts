/** What hop spans of Throughline may carry. */
export const THROUGHLINE_DIRECTION = 'throughline.direction';
export const THROUGHLINE_TRANSPORT = 'throughline.transport';
/** On an inbound hop: how many outbound hops were started under it, sampled or not. */
export const THROUGHLINE_CALLS = 'throughline.calls';

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
export const MESSAGING_SYSTEM = 'messaging.system';
export const MESSAGING_DESTINATION_NAME = 'messaging.destination.name';

/** https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/ */
export const MCP_METHOD_NAME = 'mcp.method.name';
export const GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
/** Also on calls of a model: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ */
export const GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';

/** https://github.com/open-telemetry/semantic-conventions-genai/pull/195: the draft for A2A */
export const A2A_METHOD_NAME = 'a2a.method.name';
export const A2A_PROTOCOL_BINDING = 'a2a.protocol.binding';
export const A2A_TASK_ID = 'a2a.task.id';

/** https://opentelemetry.io/docs/specs/semconv/general/attributes/ */
export const NETWORK_TRANSPORT = 'network.transport';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';
export const ERROR_TYPE = 'error.type';

/** https://opentelemetry.io/docs/specs/semconv/http/http-spans/, and the name that older instrumentations write. */
export const HTTP_REQUEST_METHOD = 'http.request.method';
export const HTTP_METHOD = 'http.method';

/** https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ */
export const RPC_SYSTEM = 'rpc.system';

/** https://opentelemetry.io/docs/specs/semconv/database/database-spans/, and the name that older instrumentations write. */
export const DB_SYSTEM_NAME = 'db.system.name';
export const DB_SYSTEM = 'db.system';

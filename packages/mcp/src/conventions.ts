// https://github.com/open-telemetry/semantic-conventions-genai: MCP. No longer in the core registry, hence constants of our own.
export const ATTR_MCP_METHOD_NAME = 'mcp.method.name';
export const ATTR_MCP_PROTOCOL_VERSION = 'mcp.protocol.version';
export const ATTR_MCP_RESOURCE_URI = 'mcp.resource.uri';
export const ATTR_MCP_SESSION_ID = 'mcp.session.id';

// https://github.com/open-telemetry/semantic-conventions-genai: attributes of GenAI
export const ATTR_GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const ATTR_GEN_AI_PROMPT_NAME = 'gen_ai.prompt.name';
export const ATTR_GEN_AI_TOOL_CALL_ARGUMENTS = 'gen_ai.tool.call.arguments';
export const ATTR_GEN_AI_TOOL_CALL_RESULT = 'gen_ai.tool.call.result';
export const ATTR_GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const EXECUTE_TOOL = 'execute_tool';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/jsonrpc/ and …/rpc/
export const ATTR_JSONRPC_REQUEST_ID = 'jsonrpc.request.id';
export const ATTR_RPC_RESPONSE_STATUS_CODE = 'rpc.response.status_code';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
export const ATTR_ERROR_TYPE = 'error.type';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/network/
export const ATTR_NETWORK_TRANSPORT = 'network.transport';

// https://github.com/open-telemetry/semantic-conventions-genai: metrics of MCP, in seconds
export const DURATION_BUCKETS: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** A name that is no series of its own. */
export const OTHER = '_OTHER';

// Values of `error.type`, beside the codes of JSON-RPC.
/** A tool answered with `isError: true`. */
export const ERROR_TOOL = 'tool_error';
/** The requester gave up: `notifications/cancelled`, a timeout, or a request over HTTP that was aborted. */
export const ERROR_CANCELLED = 'cancelled';
/** The transport closed before there was an answer. */
export const ERROR_CONNECTION_CLOSED = 'connection_closed';
/** The deadline of the request's chain came before an answer did. The same as of a request that is refused for it. */
export const ERROR_DEADLINE = 'throughline.deadline';
/** A second request with the id of one that is not answered yet: its answer cannot be told apart. */
export const ERROR_DUPLICATE_ID = 'duplicate_request_id';
/** The peer has more unanswered requests open than are kept. */
export const ERROR_ABANDONED = 'abandoned';

/** Codes of JSON-RPC, of the protocol and of both SDKs, and our own classes: what is a label of a metric by itself. */
export const KNOWN_ERRORS: ReadonlySet<string> = new Set([
  '-32700',
  '-32600',
  '-32601',
  '-32602',
  '-32603',
  '-32000',
  '-32001',
  '-32002',
  '-32010',
  '-32020',
  '-32021',
  '-32022',
  '-32042',
  ERROR_TOOL,
  ERROR_CANCELLED,
  ERROR_CONNECTION_CLOSED,
  ERROR_DEADLINE,
  ERROR_DUPLICATE_ID,
  ERROR_ABANDONED,
  'throughline.hops',
  'throughline.calls',
  'throughline.budget',
  'throughline.tokens',
  'throughline.cost',
  'throughline.attempts',
]);

/** The revisions of the protocol. https://modelcontextprotocol.io/specification/versioning */
export const KNOWN_VERSIONS: ReadonlySet<string> = new Set([
  '2024-10-07',
  '2024-11-05',
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
  '2026-07-28',
]);

/** What `throughline.hops{transport}`, peers and targets call it. */
export const MCP = 'mcp';

/** What the keys begin with that the protocol keeps for itself in `_meta`. */
export const PROTOCOL_PREFIX = 'io.modelcontextprotocol/';

/** The `_meta` key under which a request of the 2026-07-28 revision names its protocol version. */
export const META_PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';

// https://github.com/open-telemetry/semantic-conventions-genai, tag v0.1.0. There is no package of constants.
export const ATTR_GEN_AI_AGENT_NAME = 'gen_ai.agent.name';
export const ATTR_GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const ATTR_GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const EXECUTE_TOOL = 'execute_tool';
export const INVOKE_WORKFLOW = 'invoke_workflow';

// The same: MCP.
export const ATTR_MCP_METHOD_NAME = 'mcp.method.name';
export const ATTR_MCP_SESSION_ID = 'mcp.session.id';
export const ERROR_TOOL = 'tool_error';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/rpc/ and …/network/
export const ATTR_RPC_RESPONSE_STATUS_CODE = 'rpc.response.status_code';
export const ATTR_NETWORK_TRANSPORT = 'network.transport';

// Names of our own.
export const ATTR_GUARDRAIL_TRIGGERED = 'throughline.guardrail.triggered';

/** The transport of its hops, as in `throughline.hops{transport}`. */
export const MCP = 'mcp';

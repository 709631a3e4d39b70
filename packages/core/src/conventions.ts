// Span attributes of our own. Messages, HTTP and MCP have theirs in the adapters.

/** The name of the agent that made the span. */
export const ATTR_AGENT_NAME = 'throughline.agent.name';
export const ATTR_AGENT_ID = 'throughline.agent.id';
export const ATTR_AGENT_VERSION = 'throughline.agent.version';
/** Outbound hops started under an inbound hop. */
export const ATTR_CALLS = 'throughline.calls';
/** Baggage members that an outbound hop did not send. */
export const ATTR_BAGGAGE_WITHHELD = 'throughline.baggage.withheld';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
export const ATTR_ERROR_TYPE = 'error.type';

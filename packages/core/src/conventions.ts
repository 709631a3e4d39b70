// Span attributes of our own. Messages, HTTP and MCP have theirs in the adapters.

/** The name of the agent that made the span. */
export const ATTR_AGENT_NAME = 'throughline.agent.name';
export const ATTR_AGENT_ID = 'throughline.agent.id';
export const ATTR_AGENT_VERSION = 'throughline.agent.version';
/** What a hop crosses, where no convention has attributes that say so. */
export const ATTR_TRANSPORT = 'throughline.transport';
/** Outbound hops started under an inbound hop. */
export const ATTR_CALLS = 'throughline.calls';
/** Baggage members that an outbound hop did not send. */
export const ATTR_BAGGAGE_WITHHELD = 'throughline.baggage.withheld';
/** Hops from the root of the chain to the receiver of this one, from the second on. */
export const ATTR_LINEAGE_HOPS = 'throughline.lineage.hops';
/** The attempt, multiplied along the chain; where it is not the first. */
export const ATTR_LINEAGE_ATTEMPT = 'throughline.lineage.attempt';
/** This agent was in the chain before. */
export const ATTR_LINEAGE_CYCLE = 'throughline.lineage.cycle';
/** The event on the span of a hop that went past a limit of its chain, and its attribute that says which. */
export const EVENT_LINEAGE_EXCEEDED = 'throughline.lineage.exceeded';
export const ATTR_LINEAGE_REASON = 'throughline.lineage.reason';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
export const ATTR_ERROR_TYPE = 'error.type';

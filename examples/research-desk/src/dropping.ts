import type { HopOptions } from '@throughline/core';

/** The hops that `demo --break` can break. */
export const BREAKABLE = ['http', 'kafka', 'mcp'] as const;

/**
 * Returns options that drop the context of a hop where the demo was asked to: gateway → planner over HTTP, planner → analyst over Kafka,
 * analyst → reader over MCP. Its span stays, and nothing goes along with what is sent.
 */
export function dropping(hop: (typeof BREAKABLE)[number]): HopOptions {
  return process.env['DESK_DROP'] === hop ? { outbound: 'suppress' } : {};
}

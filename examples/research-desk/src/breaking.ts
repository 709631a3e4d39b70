/** What `demo --break` can break, so that it is seen what the checker says of it. */
import type { HopOptions } from '@throughline/core';
import { ROADS } from './roads/names.ts';
import type { RoadName } from './roads/names.ts';

/** The hops of the desk: one for every arrow of its drawing, those of tasks and results for each road that they can take. */
const HOPS = ['http', ...ROADS.flatMap((road) => [road, `${road}-results`] as const), 'mcp-http', 'mcp-stdio'] as const;
const SERVICES = ['gateway', 'planner', 'analyst', 'library', 'reader'] as const;

type Hop = (typeof HOPS)[number];
type Service = (typeof SERVICES)[number];
/** One end of a hop. */
type End = `${Hop}-${'sender' | 'receiver'}`;

/**
 * What can be broken where tasks and results go over a road. `kafka`: what is sent carries no context. `kafka-sender`, `kafka-receiver`: that end has no adapter. `unsampled-library`: that service
 * records nothing. `killed-library`: it is killed when the answer is there, with its spans.
 */
export function breakable(over: RoadName): readonly string[] {
  const others = ROADS.filter((road) => road !== over);
  const hops = HOPS.filter((hop) => !others.some((road) => hop.startsWith(road)));
  return [
    ...hops.flatMap((hop) => [hop, `${hop}-sender`, `${hop}-receiver`]),
    ...SERVICES.map((service) => `unsampled-${service}`),
    // The reader is a child of its analyst, and nobody else's to kill.
    ...SERVICES.filter((service) => service !== 'reader').map((service) => `killed-${service}`),
  ];
}

/** Whether this is what the demo was asked to break. */
export function asked(place: string): boolean {
  return process.env['DESK_BREAK'] === place;
}

/** Returns options that drop the context of a hop where that is asked for: its span stays, and nothing goes along with what is sent. */
export function dropping(hop: Hop): HopOptions {
  return asked(hop) ? { outbound: 'suppress' } : {};
}

/** Returns an adapter, or one that leaves what it is given as it is where this end is asked to have none. */
export function adapter<Wrap extends (target: never, ...options: never[]) => unknown>(end: End, wrap: Wrap): Wrap {
  return asked(end) ? (((target: unknown) => target) as unknown as Wrap) : wrap;
}

/** The service that is to be killed, if one is. */
export function killedBy(broken: string | undefined): Service | undefined {
  return SERVICES.find((service) => broken === `killed-${service}`);
}

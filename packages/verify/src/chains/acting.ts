import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';
import { listed } from './listed.ts';

/** An agent, or a service as far as no span of it names one. */
export interface Actor {
  readonly service: string;
  /** Its name, where spans say one. */
  readonly agent: string | undefined;
}

/** Who acts at each span, by number. */
export interface Acting {
  readonly actors: readonly Actor[];
  of(at: Index): number;
}

/** Returns who acts at each span: the agent that it names, or the nearest one above it in its process, else its service. */
export function actingOf(graph: SpanGraph): Acting {
  const names = new Map(graph.agents());
  const actors: Actor[] = [];
  const acting = new Int32Array(graph.size).fill(NONE);
  // By numbers: a key of text for each span costs more than all else.
  const known = new Map<number, Map<string | undefined, number>>();
  const numberOf = (at: Index, agent: string | undefined): number => {
    const ofService = listed(known, graph.serviceNumber(at), () => new Map<string | undefined, number>());
    return listed(ofService, agent, () => actors.push({ service: graph.serviceOf(at), agent }) - 1);
  };
  for (const at of graph.forest.topDown) {
    const agent = names.get(at);
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    const above = isBelow && agent === undefined ? (acting[parent] as number) : NONE;
    acting[at] = above === NONE ? numberOf(at, agent) : above;
  }
  return { actors, of: (at) => acting[at] as number };
}

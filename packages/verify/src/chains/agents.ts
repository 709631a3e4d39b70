import type { Acting } from './acting.ts';
import { Fact } from './columns/facts.ts';
import { listed } from './listed.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Judged } from './rules/context.ts';
import { usageOf } from './usage.ts';
import type { AgentTokens } from './usage.ts';

/** What an agent called, and what its models took. */
export interface AgentWork {
  readonly service: string;
  /** Its name, where spans say one. */
  readonly agent?: string;
  readonly calls: readonly AgentCalls[];
  /** What its own calls of models took. Absent where no span counts tokens or says what it cost. */
  readonly tokens?: AgentTokens;
  /** The same, with all that those took whom it called, in whatever service, and whom those called. */
  readonly total?: AgentTokens;
}

/** Calls of one kind. */
export interface AgentCalls {
  readonly transport: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  readonly count: number;
  readonly failed: number;
}

interface CountedCalls extends AgentCalls {
  count: number;
  failed: number;
}

/** The calls of an agent while they are counted. */
interface Working {
  readonly calls: Map<string, CountedCalls>;
  readonly byPlace: Map<number, CountedCalls>;
}

/**
 * Returns what each agent did, and each service that called something, in the order in which they are first seen; after them those
 * agents that did nothing but ask others.
 */
export function agentsOf({ graph, ends }: Judged, acting: Acting): AgentWork[] {
  const working = new Map<number, Working>();
  const workOf = (actor: number): Working =>
    listed(working, actor, () => ({ calls: new Map<string, CountedCalls>(), byPlace: new Map() }));
  for (const sender of ends.senders) {
    const { calls: known, byPlace } = workOf(acting.of(sender));
    // By numbers first: a key of text for each call costs more than all else.
    const calls = listed(byPlace, graph.meetingPointNumber(sender), () => {
      const { transport, over } = graph.meetingPoint(sender) as MeetingPoint;
      const way = over === undefined ? { transport } : { transport, over };
      return listed(known, `${transport}\n${over}`, () => ({ ...way, count: 0, failed: 0 }));
    });
    calls.count++;
    if (graph.is(sender, Fact.failed)) calls.failed++;
  }
  const { own, total } = usageOf(graph, acting);
  for (const actor of own.keys()) workOf(actor);
  for (const actor of total.keys()) if (acting.actors[actor]?.agent !== undefined) workOf(actor);
  return Array.from(working, ([actor, { calls }]) => {
    const { service, agent } = acting.actors[actor] as Acting['actors'][number];
    const [tokens, withBelow] = [own.get(actor), total.get(actor)];
    return {
      service,
      ...(agent === undefined ? undefined : { agent }),
      calls: [...calls.values()],
      ...(tokens === undefined ? undefined : { tokens }),
      ...(withBelow === undefined ? undefined : { total: withBelow }),
    };
  });
}

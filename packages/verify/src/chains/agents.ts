import { Fact } from './columns/facts.ts';
import { NONE } from './graph.ts';
import type { Index } from './graph.ts';
import { listed } from './listed.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Judged } from './rules/context.ts';

/** What an agent called, and what its models took. */
export interface AgentWork {
  readonly service: string;
  /** Its name, where spans say one. */
  readonly agent?: string;
  readonly calls: readonly AgentCalls[];
  /** Absent where no span counts tokens. */
  readonly tokens?: AgentTokens;
}

/** Calls of one kind. */
export interface AgentCalls {
  readonly transport: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  readonly count: number;
  readonly failed: number;
}

/** Tokens, each counted once: where a span and one below it both count, that below does. */
export interface AgentTokens {
  readonly input: number;
  readonly output: number;
  /** How many spans count. */
  readonly calls: number;
}

interface CountedCalls extends AgentCalls {
  count: number;
  failed: number;
}

/** The same while it is counted. */
interface Working {
  readonly service: string;
  readonly agent: string | undefined;
  readonly calls: Map<string, CountedCalls>;
  readonly byPlace: Map<number, CountedCalls>;
  input: number;
  output: number;
  models: number;
}

/** Returns what each agent did, and each service that called something, in the order in which they are first seen. */
export function agentsOf({ graph, ends }: Judged): AgentWork[] {
  const names = new Map(graph.agents());
  // The nearest span from each one on upwards, in its process, that names its agent, and that counts tokens.
  const acting = new Int32Array(graph.size).fill(NONE);
  const counting = new Int32Array(graph.size).fill(NONE);
  const countedBelow = new Set<Index>();
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    acting[at] = names.has(at) ? at : isBelow ? (acting[parent] as number) : NONE;
    const above = isBelow ? (counting[parent] as number) : NONE;
    counting[at] = above;
    if (!graph.countsTokens(at)) continue;
    counting[at] = at;
    if (above !== NONE) countedBelow.add(above);
  }
  const all = new Map<string, Working>();
  // By numbers first: a key of text for each call costs more than all else.
  const working = new Map<number, Working>();
  const workOf = (at: Index): Working => {
    const actor = acting[at] as number;
    return listed(working, actor === NONE ? -1 - graph.serviceNumber(at) : actor, () => workIn(at));
  };
  const workIn = (at: Index): Working => {
    const agent = names.get(acting[at] as Index);
    return listed(all, `${graph.serviceNumber(at)}\n${agent ?? ''}`, () => ({
      service: graph.serviceOf(at),
      agent,
      calls: new Map(),
      byPlace: new Map(),
      input: 0,
      output: 0,
      models: 0,
    }));
  };
  for (const sender of ends.senders) {
    const { calls: known, byPlace } = workOf(sender);
    const calls = listed(byPlace, graph.meetingPointNumber(sender), () => {
      const { transport, over } = graph.meetingPoint(sender) as MeetingPoint;
      const way = over === undefined ? { transport } : { transport, over };
      return listed(known, `${transport}\n${over}`, () => ({ ...way, count: 0, failed: 0 }));
    });
    calls.count++;
    if (graph.is(sender, Fact.failed)) calls.failed++;
  }
  for (const [at, { input, output }] of graph.tokens()) {
    if (countedBelow.has(at)) continue;
    const work = workOf(at);
    work.input += input;
    work.output += output;
    work.models++;
  }
  return Array.from(all.values(), ({ service, agent, calls, input, output, models }) => ({
    service,
    ...(agent === undefined ? undefined : { agent }),
    calls: [...calls.values()],
    ...(models === 0 ? undefined : { tokens: { input, output, calls: models } }),
  }));
}

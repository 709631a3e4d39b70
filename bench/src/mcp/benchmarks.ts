import { added, measureInPairs, median } from '../measure.ts';
import type { Effort, Pair } from '../measure.ts';
import type { Report, Result } from '../results.ts';
import type { Between } from './connection.ts';
import type { Line } from './sdk.ts';
import type { McpVariant } from './variant.ts';

/** One row: which variants it compares, and what they are called. */
interface Row {
  readonly what: string;
  readonly opponent: string;
  readonly ours: McpVariant;
  readonly theirs: McpVariant;
  readonly target?: number | undefined;
}

/** The same calls on one line of the SDK, over one transport. */
interface Setting {
  readonly title: string;
  readonly method: string;
  readonly line: Line;
  readonly between: Between;
  readonly rows: readonly Row[];
  readonly notes?: readonly string[];
  /** Calls in one turn of a variant. */
  readonly count: number;
  /** Factors on the given effort. */
  readonly processes: number;
  readonly rounds: number;
}

const spans: Row = {
  what: '`traceClient` + `traceServer`, both spans',
  opponent: 'hand-written pair of the same two spans around `callTool` and the handler',
  ours: 'ours',
  theirs: 'hand-written',
  target: 1.3,
};
const withMetrics: Row = {
  what: 'both spans, with a meter provider',
  opponent: 'the hand-written pair with the two duration histograms',
  ours: 'ours, metrics',
  theirs: 'hand-written, metrics',
  target: 1.3,
};
const propagation: Row = {
  what: 'the same with `spans: false`',
  opponent: '`@arizeai/openinference-instrumentation-mcp`, which has no spans',
  ours: 'ours, no spans',
  theirs: 'OpenInference',
  target: 1,
};
const traceloop: Row = {
  what: 'both spans',
  opponent: '`@traceloop/instrumentation-mcp`: one span, of the client, with arguments and result; sends no context',
  ours: 'ours',
  theirs: 'Traceloop',
};

// Where fewer variants run, the rows stand by themselves.
const measuredSpans: Row = { ...withMetrics, what: '`traceClient` + `traceServer`, both spans, with a meter provider' };
const propagationAlone: Row = { ...propagation, what: '`spans: false`, without a meter provider' };
const propagationInChain: Row = {
  what: '`spans: false`, with the chain in each message',
  opponent: 'OpenInference',
  ours: 'ours, no spans, in a chain',
  theirs: 'OpenInference',
};

const inAChain =
  'With spans every call begins a chain. Under `spans: false` it goes on with one, and begins one where `agent`, `maxHops` or a budget is given: a call then has one more key in its `_meta` (`baggage`), which the SDK validates several times over. OpenInference has nothing of the kind.';

/** OpenInference does not know SDK v2: what it costs there informs. */
function onV2(row: Row): Row {
  return { ...row, opponent: 'OpenInference, which has no spans, handed a transport of v2', target: undefined };
}

const V1_MEMORY: Setting = {
  title: 'mcp',
  method:
    'CPU a tool call over that of bare SDK v1, both ends in one process over a linked `InMemoryTransport`, called under an active sampled span context. Every process has a bare client and server too: a hundred calls of each in every round, in an order that is drawn anew. One process runs at a time.',
  line: 'v1',
  between: 'memory',
  rows: [
    spans,
    propagation,
    withMetrics,
    {
      what: 'both spans, `lineage: false`',
      opponent: 'the hand-written pair',
      ours: 'ours, no lineage',
      theirs: 'hand-written',
    },
    propagationInChain,
    traceloop,
  ],
  notes: [
    'With a meter provider ours also counts `throughline.hops` at both ends, which the hand-written pair does not.',
    inAChain,
    'Ours bounds what it reads, and counts each hop. OpenInference writes the fields into the params object of the caller, and the other end takes them over whatever is active there.',
    "Traceloop 0.27 is handed the SDK's classes: by `registerInstrumentations` it finds none of them, and makes no spans. Its spans are in the trace of `connect`, not in that of the caller.",
  ],
  count: 100,
  processes: 3,
  rounds: 12,
};

const V2_MEMORY: Setting = {
  title: 'mcp, SDK v2',
  method:
    'As with SDK v1 in memory, over bare `@modelcontextprotocol/client` and `/server` 2, with the handshake that they make by default (2025-11-25). OpenInference and Traceloop support SDK v1 alone. Handed the classes of v2 they work there too, and the rows against them have no target.',
  line: 'v2',
  between: 'memory',
  rows: [measuredSpans, onV2(propagationAlone), onV2(propagationInChain), traceloop],
  count: 100,
  processes: 3,
  rounds: 12,
};

const V1_STDIO: Setting = {
  title: 'mcp over stdio',
  method:
    'As with SDK v1 in memory, but each client has its server in a child process, with telemetry of its own, and what is measured is the CPU of both. The child tells its own over a socket, of which nothing is a call. On Linux all processes of a pair share one core. Traceloop, which does nothing in the server, is left to the rows in memory.',
  line: 'v1',
  between: 'stdio',
  rows: [measuredSpans, propagationAlone, propagationInChain],
  notes: [inAChain],
  count: 100,
  processes: 2,
  rounds: 12,
};

const V2_STDIO: Setting = {
  title: 'mcp over stdio, SDK v2',
  method:
    'As with SDK v1 over stdio, with `@modelcontextprotocol/client` and `/server` 2. OpenInference does not support it: the row against it has no target.',
  line: 'v2',
  between: 'stdio',
  rows: [measuredSpans, onV2(propagationAlone), onV2(propagationInChain)],
  count: 100,
  processes: 2,
  rounds: 12,
};

/** Calls in each process before the first turn: over stdio a bare call costs 240 µs at first, 130 µs after 50,000. */
const WARM_UP = 60_000;

/** CPU that tracing adds to a tool call, client and server together. */
export const mcpBenchmarks: Readonly<Record<string, (effort: Effort) => Promise<Report>>> = {
  mcp: (effort) => report(V1_MEMORY, effort),
  'mcp-v2': (effort) => report(V2_MEMORY, effort),
  'mcp-stdio': (effort) => report(V1_STDIO, effort),
  'mcp-stdio-v2': (effort) => report(V2_STDIO, effort),
};

async function report(setting: Setting, given: Effort): Promise<Report> {
  const { title, method, line, between, rows, notes = [], count } = setting;
  // What the SDK's own validation costs differs more from process to process than the variants do: more of them, for less long.
  const effort: Effort = {
    processes: given.processes * setting.processes,
    rounds: Math.ceil(given.rounds * setting.rounds),
    scale: given.scale,
  };
  const variants = [...new Set<McpVariant>(rows.flatMap(({ ours, theirs }) => [ours, theirs]))];
  // Over stdio each has a server in a process of its own, which compiles for itself.
  const options = { args: [line, between], warmUp: WARM_UP, bareWarmUp: WARM_UP };
  const pairs = await measureInPairs(file, variants, 'bare', count, effort, options);
  const pair = (name: McpVariant): Pair => pairs[name];
  const over = (name: McpVariant): number => added(pair(name).variant, pair(name).bare);
  const bare = Object.values(pairs).flatMap((one) => one.bare.rounds);
  return {
    title,
    method,
    results: rows.map(({ what, opponent, ours, theirs, target }): Result => ({
      what,
      opponent,
      ours: over(ours),
      theirs: over(theirs),
      target,
    })),
    notes: [
      ...notes,
      `Bare: ${median(bare).toFixed(1)} µs.`,
      `Spans a call: ${variants.map((name) => `${name} ${pair(name).variant.spans.toFixed(2)}`).join('; ')}.`,
    ],
  };
}

const file = new URL('subject.ts', import.meta.url);

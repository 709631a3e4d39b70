import { added, measure, median } from './measure.ts';
import type { Effort } from './measure.ts';
import type { McpVariant } from './mcp-pair.ts';
import type { Report } from './results.ts';

const variants: readonly McpVariant[] = [
  'bare',
  'ours',
  'ours, metrics',
  'ours, no lineage',
  'hand-written',
  'hand-written, metrics',
  'ours, no spans',
  'ours, no spans, no lineage',
  'OpenInference',
];

/** CPU that tracing adds to a tool call in memory, client and server together. */
export async function mcp({ processes, rounds, scale }: Effort): Promise<Report> {
  // What the SDK's own validation costs differs more from process to process than the variants do: more of them, for less long.
  const effort = { processes: processes * 4, rounds: Math.ceil(rounds / 3), scale };
  const costs = await measure(new URL('mcp-pair.ts', import.meta.url), variants, 2500, effort, { warmUp: 40_000 });
  const over = (name: McpVariant): number => added(costs[name], costs.bare);
  return {
    title: 'mcp',
    method:
      'CPU a tool call over that of bare SDK v1, both ends in one process over a linked `InMemoryTransport`, called under an active sampled span context.',
    results: [
      {
        what: '`traceClient` + `traceServer`, both spans',
        opponent: 'hand-written pair of the same two spans around `callTool` and the handler',
        ours: over('ours'),
        theirs: over('hand-written'),
        target: 1.3,
      },
      {
        what: 'the same with `spans: false`',
        opponent: '`@arizeai/openinference-instrumentation-mcp`, which has no spans',
        ours: over('ours, no spans'),
        theirs: over('OpenInference'),
        target: 1,
      },
      {
        what: 'both spans, with a meter provider',
        opponent: 'the hand-written pair with the two duration histograms',
        ours: over('ours, metrics'),
        theirs: over('hand-written, metrics'),
        target: 1.3,
      },
      {
        what: 'both spans, `lineage: false`',
        opponent: 'the hand-written pair',
        ours: over('ours, no lineage'),
        theirs: over('hand-written'),
      },
      {
        what: '`spans: false`, `lineage: false`',
        opponent: 'OpenInference',
        ours: over('ours, no spans, no lineage'),
        theirs: over('OpenInference'),
      },
    ],
    notes: [
      'With a meter provider ours also counts `throughline.hops` at both ends, which the hand-written pair does not.',
      'Ours reads and writes the chain (`throughline.lineage` in `baggage`), bounds what it reads, counts each hop and hands every answer back in the context of its caller, also with `spans: false`. OpenInference writes the fields into the params object of the caller, and the other end takes them over whatever is active there.',
      `Bare: ${median(costs.bare.rounds).toFixed(1)} µs.`,
      `Spans a call: ${variants.map((name) => `${name} ${costs[name].spans.toFixed(2)}`).join('; ')}.`,
    ],
  };
}

/** The bounds of every scenario. Nothing else may be other than zero: open spans, crossings, differences, unhandled rejections. */
export const bounds = {
  /** Bytes by which the heap after a collection may grow from the first third of the settled run to the last. */
  heapGrowth: 4_000_000,
  /** The part of the run in which code is compiled, pools fill and connections open: no heap of it counts. */
  settling: 0.25,
  /** Measurements of the heap between two of which this many milliseconds pass, or a step that takes longer. */
  heapEvery: 250,
  /** With fewer measurements than these there is no judging the heap: a run goes on until it has them. */
  heapMeasurements: 8,
  /** Milliseconds that spans may take to end once the load has stopped. */
  ending: 10_000,
  /** Milliseconds after which a step is stuck. */
  stuck: 120_000,
} as const;

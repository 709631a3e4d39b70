import type { ChainContract } from './contract.ts';

/** A hop of the system. */
export interface ChainEdge {
  readonly from: string;
  readonly to: string;
  readonly transport?: string | undefined;
  /** The path, topic, queue or tool. */
  readonly over: string;
}

/** What a capture should hold. */
export interface CheckChainsOptions {
  /** `one-trace`: all of it has to be one trace, as a demo or a test of one request expects. Default: chains, in any number. */
  readonly expect?: 'chains' | 'one-trace' | undefined;
  /** The services that the capture should hold. Default: those that are in it. */
  readonly services?: readonly string[] | undefined;
  /** Hops whose receiver is in the capture: what was sent over one and never seen to arrive is a finding. Those of a contract are such. */
  readonly edges?: readonly ChainEdge[] | undefined;
  /**
   * Milliseconds that spans may be on their way: what ended less than so long before the last span of the capture is not said to miss
   * anything. Default 0: the capture is at rest.
   */
  readonly settleMs?: number | undefined;
  /** What the system promises: what is missing is a finding, and a service that it names is one that the capture should hold. */
  readonly contract?: ChainContract | undefined;
  /** How many spans the trees of the report may have. Default 500. */
  readonly maxTreeSpans?: number | undefined;
}

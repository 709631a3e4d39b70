import type { ChainContract } from './contract.ts';

/** What a capture should hold. */
export interface CheckChainsOptions {
  /** `one-trace`: all of it has to be one trace, as a demo or a test of one request expects. Default: chains, in any number. */
  readonly expect?: 'chains' | 'one-trace' | undefined;
  /** The services that the capture should hold. Default: those that are in it. */
  readonly services?: readonly string[] | undefined;
  /** What the system promises: what is missing is a finding, and a service that it names is one that the capture should hold. */
  readonly contract?: ChainContract | undefined;
  /** How many spans the trees of the report may have. Default 500. */
  readonly maxTreeSpans?: number | undefined;
}

import { adapterPeers, adapterVersions, libraryVersions } from './adapters.ts';
import { apiCopies, apiRange } from './api.ts';
import { beside } from './beside.ts';
import type { Check } from './check.ts';
import { environment } from './environment.ts';
import { esm } from './esm.ts';
import { lines } from './lines.ts';
import { node } from './node.ts';
import { flush, setUp } from './set-up.ts';

/** In the order of the report: what everything else stands on comes first. */
export const CHECKS: readonly Check[] = [
  node,
  lines,
  apiCopies,
  apiRange,
  adapterVersions,
  adapterPeers,
  libraryVersions,
  setUp,
  flush,
  environment,
  esm,
  beside,
];

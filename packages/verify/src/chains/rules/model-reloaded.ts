import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { listed } from '../listed.ts';
import { lasting, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Once when the process starts, and once more for whatever reason: from here on nobody keeps it. */
const AGAIN_AND_AGAIN = 3;

/** One model, of one version, in one service. */
interface Loaded {
  readonly model: string;
  readonly version: string | undefined;
  /** By process; all of the service's where no span tells its process. */
  readonly processes: Map<string | undefined, Loads>;
}

interface Loads {
  readonly spans: Set<Index>;
  count: number;
  /** Seconds. */
  took: number;
}

/** A model that one process loads again and again. */
export const modelReloaded: ChainRule = ({ graph }) => {
  const loaded = new Map<string, Loaded>();
  for (const [at, { instance, models }] of graph.models.loads) {
    for (const { model, version, took } of models) {
      const key = JSON.stringify([graph.serviceNumber(at), model, version]);
      const { processes } = listed(loaded, key, (): Loaded => ({ model, version, processes: new Map() }));
      const loads = listed(processes, instance, (): Loads => ({ spans: new Set(), count: 0, took: 0 }));
      loads.spans.add(at);
      loads.count++;
      loads.took += took;
    }
  }
  const spots: Spot[] = [];
  const told = new Map<string, string>();
  for (const [cause, { model, version, processes }] of loaded) {
    const reloading = [...processes].filter(([, { count }]) => count >= AGAIN_AND_AGAIN);
    if (reloading.length === 0) continue;
    const count = reloading.reduce((sum, [, loads]) => sum + loads.count, 0);
    const took = reloading.reduce((sum, [, loads]) => sum + loads.took, 0);
    const isTold = reloading.some(([instance]) => instance !== undefined);
    const where = isTold ? ` in ${reloading.length === 1 ? 'one process' : `${reloading.length} processes`}` : '';
    const long = took > 0 ? `, ${lasting(took * 1000)} in all` : '';
    told.set(
      cause,
      `loaded ${shown(model)}${version === undefined ? '' : ` (version ${shown(version)})`} ${times(count)}${where}${long}`,
    );
    for (const [, { spans }] of reloading)
      for (const at of spans) spots.push({ at, boundary: { to: graph.serviceOf(at) }, cause });
  }
  return grouped(
    'model-reloaded',
    'warning',
    graph,
    spots,
    ({ boundary, cause = '' }) => `${shown(boundary.to)} ${told.get(cause)}: a process that keeps it loads it once`,
  );
};

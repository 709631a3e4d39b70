import type { Collector } from '@throughline/verify';
import { bottomLine } from './bottom-line.ts';
import type { Surroundings } from './surroundings.ts';
import { counted } from './counted.ts';

const REDRAW_MS = 250;

/** Shows how much has come, on a terminal, until the returned function is called. */
export function liveCount(
  collector: Pick<Collector, 'spans'>,
  { stderr, env }: Pick<Surroundings, 'stderr' | 'env'>,
): () => void {
  const line = bottomLine({ stderr, env });
  if (line === undefined) return () => {};
  const traces = new Set<string>();
  const services = new Set<string>();
  const began = Date.now();
  let seen = 0;
  const draw = (): void => {
    const spans = collector.spans();
    for (const { traceId, service } of spans.slice(seen)) {
      traces.add(traceId);
      services.add(service);
    }
    seen = spans.length;
    const counts = [counted(seen, 'span'), counted(traces.size, 'trace'), counted(services.size, 'service')];
    line.show(`throughline: ${counts.join(', ')}, ${Math.round((Date.now() - began) / 1000)} s`);
  };
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return () => {
    clearInterval(timer);
    line.end();
  };
}

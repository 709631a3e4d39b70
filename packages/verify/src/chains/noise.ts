import type { Index, SpanGraph } from './graph.ts';

/** Instrumentations whose spans are mostly noise, or stand beside those of another, and what turns them off. */
const knobs: readonly { readonly scope: RegExp; readonly knob: string }[] = [
  ...['net', 'dns', 'fs', 'router', 'connect', 'kafkajs'].map((name) => ({
    scope: new RegExp(`^@opentelemetry/instrumentation-${name}$`),
    knob: `OTEL_NODE_DISABLED_INSTRUMENTATIONS=${name} turns them off`,
  })),
  {
    scope: /^next\.js$/,
    knob: 'NEXT_OTEL_FETCH_DISABLED=1 leaves its spans of fetch to the instrumentation of undici',
  },
  {
    scope: /openinference/,
    knob: 'Give OpenInference or the other tracer the model, not both: leave its instrumentor out',
  },
  {
    scope: /^opentelemetry\.instrumentation\.\w+$/,
    knob: 'OTEL_PYTHON_DISABLED_INSTRUMENTATIONS takes the name of what is to be turned off',
  },
];

/** Which of these are noise by themselves: nobody looks for such a span first. */
const NOISE = /^@opentelemetry\/instrumentation-(?:connect|dns|fs|net|router)$/;

/** Whether a span is of a kind that stands beside what one looks for: connections, look-ups, layers. */
export function isNoise(graph: SpanGraph, at: Index): boolean {
  return NOISE.test(graph.scopeOf(at));
}

/** Returns what mends a finding that is about spans of one known instrumentation alone. */
export function knobFor(graph: SpanGraph, spots: readonly { readonly at: Index }[]): string | undefined {
  const scopes = new Set(spots.map(({ at }) => graph.scopeOf(at)));
  const [scope = ''] = scopes;
  if (scopes.size !== 1) return undefined;
  return knobs.find((one) => one.scope.test(scope))?.knob;
}

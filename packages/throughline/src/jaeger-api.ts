import { parseJaegerJson, parseOtlpJson } from '@throughline/verify';
import type { ParsedSpans } from '@throughline/verify';

/** A version of Jaeger's query API: which paths it has, and what it answers. https://www.jaegertracing.io/docs/latest/architecture/apis/ */
export interface JaegerApi {
  readonly services: string;
  trace(id: string): string;
  /** The newest traces that a service is in. */
  traces(service: string, startMs: number, endMs: number, limit: number): string;
  /** The names of services, or `undefined` where the answer is none of Jaeger's. */
  namesIn(answer: unknown): readonly string[] | undefined;
  spansIn(answer: unknown): ParsedSpans;
}

/** What its UI asks, of every version of Jaeger. `raw`: spans as they were sent, without Jaeger's own correction of clocks. */
export const internalApi: JaegerApi = {
  services: 'api/services',
  trace: (id) => `api/traces/${id}?raw=true`,
  traces: (service, startMs, endMs, limit) => {
    const range = { start: String(startMs * 1000), end: String(endMs * 1000) };
    return `api/traces?${String(new URLSearchParams({ service, ...range, limit: String(limit), raw: 'true' }))}`;
  },
  namesIn: (answer) => textsIn(answer, 'data'),
  spansIn: parseJaegerJson,
};

/** The one that Jaeger calls stable: it answers OTLP. */
export const stableApi: JaegerApi = {
  services: 'services',
  trace: (id) => `traces/${id}?raw_traces=true`,
  traces: (service, startMs, endMs, limit) => {
    const asked = {
      'query.service_name': service,
      'query.start_time_min': new Date(startMs).toISOString(),
      'query.start_time_max': new Date(endMs).toISOString(),
      'query.num_traces': String(limit),
      'query.raw_traces': 'true',
    };
    return `traces?${String(new URLSearchParams(asked))}`;
  },
  namesIn: (answer) => textsIn(answer, 'services'),
  spansIn: (answer) => {
    const { result } = isObject(answer) ? answer : {};
    return result === undefined
      ? { spans: [], rejected: 0, malformed: 'the answer has no `result` of Jaeger' }
      : parseOtlpJson(result);
  },
};

function textsIn(answer: unknown, key: string): readonly string[] | undefined {
  const list = isObject(answer) ? answer[key] : undefined;
  // Where there is no service yet, it is null.
  if (list === null) return [];
  return Array.isArray(list) ? list.filter((name): name is string => typeof name === 'string') : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

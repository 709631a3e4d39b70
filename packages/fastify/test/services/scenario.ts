import type { Attributes } from '@opentelemetry/api';
import type { FastifyOptions } from '../../src/index.ts';

/** What `shop.ts` is told. */
export interface Scenario {
  /** `otel before` and `otel after`: @fastify/otel is registered before or after ours; `otel bare`: before, and wraps no handlers and hooks. */
  readonly beside: readonly ('http' | 'otel before' | 'otel bare' | 'otel after')[];
  readonly options: FastifyOptions;
  readonly sampled: boolean;
  readonly path: string;
}

/** What a stage of a request saw. */
export interface Seen {
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly flags?: number | undefined;
  readonly baggage: readonly string[];
  readonly isHop: boolean;
}

/** What `shop.ts` prints. */
export interface Report {
  readonly seen: Readonly<Record<string, Seen>>;
  /** What instrumentation-http and others share about the request. */
  readonly metadataRoute?: string | undefined;
  readonly hops: Record<string, number>;
  readonly told: readonly string[];
  readonly spans: readonly {
    readonly scope: string;
    readonly name: string;
    readonly kind: number;
    readonly traceId: string;
    readonly spanId: string;
    readonly parentId?: string | undefined;
    readonly status: number;
    readonly links: readonly string[];
    readonly attributes: Attributes;
  }[];
}

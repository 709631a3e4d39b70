import type { Attributes } from '@opentelemetry/api';
import type { ExpressOptions } from '../../src/index.ts';

/** What `shop.ts` is told. */
export interface Scenario {
  readonly module: 'express' | 'express4';
  readonly beside: readonly ('http' | 'express')[];
  readonly options: ExpressOptions;
  readonly sampled: boolean;
  readonly path: string;
  readonly method: string;
  readonly body?: string;
  readonly headers: Record<string, string>;
}

/** What `shop.ts` prints. */
export interface Report {
  readonly seen: Record<
    string,
    { traceId?: string | undefined; spanId?: string | undefined; flags?: number | undefined; baggage: string[] }
  >;
  /** What instrumentation-http and others share about the request. */
  readonly metadataRoute?: string | undefined;
  readonly hops: Record<string, number>;
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

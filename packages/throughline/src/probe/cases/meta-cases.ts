import { traceparentOf } from './probe-case.ts';
import type { Ids, ProbeCase } from './probe-case.ts';

type MetaCase = Omit<ProbeCase, 'sends'> & { readonly meta: (ids: Ids) => unknown };

const ignored = { trace: 'ignore' } as const;

/**
 * What only JSON can hold: MCP's `_meta`, and the metadata of an A2A message.
 * https://modelcontextprotocol.io/specification/draft/basic#meta
 */
export const metaCases: readonly ProbeCase[] = (
  [
    {
      id: 'meta-null',
      about: '`_meta` that is null, which MCP does not allow',
      mayRefuse: 'silently',
      ...ignored,
      meta: () => null,
    },
    {
      id: 'meta-list',
      about: '`_meta` that is a list, which MCP does not allow',
      mayRefuse: 'silently',
      ...ignored,
      meta: (ids) => [traceparentOf(ids)],
    },
    {
      id: 'traceparent-number',
      about: 'a traceparent that is a number',
      ...ignored,
      meta: () => ({ traceparent: 123, tracestate: 4.5 }),
    },
    {
      id: 'traceparent-list',
      about: 'a traceparent that is a list',
      trace: 'should-ignore',
      meta: (ids) => ({ traceparent: [traceparentOf(ids)], tracestate: [] }),
    },
    {
      id: 'traceparent-object',
      about: 'a traceparent that is an object',
      ...ignored,
      meta: (ids) => ({ traceparent: { value: traceparentOf(ids), toString: 1 } }),
    },
    {
      id: 'traceparent-null',
      about: 'a traceparent, tracestate and baggage that are null',
      ...ignored,
      meta: () => ({ traceparent: null, tracestate: null, baggage: null }),
    },
    {
      id: 'baggage-number',
      about: 'a valid traceparent, and baggage that is a number',
      trace: 'continue',
      sampled: true,
      meta: (ids) => ({ traceparent: traceparentOf(ids), baggage: 7 }),
    },
    {
      id: 'baggage-object',
      about: 'a valid traceparent, and baggage that is an object',
      trace: 'continue',
      sampled: true,
      meta: (ids) => ({ traceparent: traceparentOf(ids), baggage: { 'probe-secret': ids.marker } }),
    },
    {
      id: 'meta-proto',
      about: 'a context in `__proto__`, which is nobody’s own',
      ...ignored,
      meta: (ids) => JSON.parse(`{"__proto__":{"traceparent":"${traceparentOf(ids)}"},"constructor":{}}`) as unknown,
    },
    {
      id: 'meta-other-keys',
      about: 'a context, beside keys that MCP reserves and that mean nothing',
      trace: 'continue',
      sampled: true,
      meta: (ids) => ({
        traceparent: traceparentOf(ids),
        'modelcontextprotocol.io/throughline-probe': { any: [1, null] },
        'mcp.dev/throughline-probe': ids.marker,
      }),
    },
    {
      id: 'meta-256k',
      about: 'a valid traceparent, and baggage of 256 KB: no limit of headers holds here',
      trace: 'may-continue',
      sampled: true,
      mayRefuse: true,
      meta: (ids) => ({
        traceparent: traceparentOf(ids),
        baggage: Array.from({ length: 16_000 }, (_, at) => `probe-${at}=${at}`).join(','),
      }),
    },
    {
      id: 'meta-deep',
      about: 'a traceparent of 2,000 objects in each other',
      trace: 'ignore',
      mayRefuse: true,
      meta: () => JSON.parse(`{"traceparent":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}}`) as unknown,
    },
  ] as readonly MetaCase[]
).map(({ meta, ...rest }) => ({ ...rest, sends: (ids) => ({ meta: meta(ids) }) }));

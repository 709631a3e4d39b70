import { traceparentOf } from './probe-case.ts';
import type { ProbeCase } from './probe-case.ts';

/** https://www.w3.org/TR/trace-context-2/#traceparent-header */
export const traceparentCases: readonly ProbeCase[] = [
  { id: 'no-context', about: 'nothing', trace: 'none', sends: () => ({}) },
  {
    id: 'valid-sampled',
    about: 'a valid traceparent, flags 01',
    trace: 'continue',
    sampled: true,
    sends: (ids) => ({ traceparent: traceparentOf(ids) }),
  },
  {
    id: 'valid-not-sampled',
    about: 'a valid traceparent, flags 00',
    trace: 'continue',
    sampled: false,
    sends: (ids) => ({ traceparent: traceparentOf(ids, '00') }),
  },
  {
    id: 'valid-random',
    about: 'a valid traceparent, flags 03: sampled, of a random trace id (level 2)',
    trace: 'continue',
    sampled: true,
    sends: (ids) => ({ traceparent: traceparentOf(ids, '03') }),
  },
  {
    id: 'unknown-flags',
    about: 'a valid traceparent, flags ff: most of them have no meaning yet',
    trace: 'continue',
    sampled: true,
    sends: (ids) => ({ traceparent: traceparentOf(ids, 'ff') }),
  },
  {
    id: 'version-01',
    about: 'version 01, and a field that version 00 has not',
    trace: 'may-continue',
    sampled: true,
    sends: ({ traceId, spanId }) => ({ traceparent: `01-${traceId}-${spanId}-01-extra` }),
  },
  {
    id: 'version-00-extra',
    about: 'version 00, and a field that it has not',
    trace: 'ignore',
    sends: (ids) => ({ traceparent: `${traceparentOf(ids)}-extra` }),
  },
  {
    id: 'version-ff',
    about: 'version ff, which is forbidden',
    trace: 'ignore',
    sends: ({ traceId, spanId }) => ({ traceparent: `ff-${traceId}-${spanId}-01` }),
  },
  {
    id: 'uppercase',
    about: 'hex digits in upper case',
    trace: 'ignore',
    sends: (ids) => ({ traceparent: traceparentOf(ids).toUpperCase() }),
  },
  {
    id: 'not-hex',
    about: 'a letter in the trace id that is no hex digit',
    trace: 'ignore',
    sends: ({ traceId, spanId }) => ({ traceparent: `00-${traceId.slice(0, 31)}z-${spanId}-01` }),
  },
  {
    id: 'zero-trace-id',
    about: 'a trace id of zeros',
    trace: 'ignore',
    sends: ({ spanId }) => ({ traceparent: `00-${'0'.repeat(32)}-${spanId}-01` }),
  },
  {
    id: 'zero-span-id',
    about: 'a span id of zeros',
    trace: 'ignore',
    sends: ({ traceId }) => ({ traceparent: `00-${traceId}-${'0'.repeat(16)}-01` }),
  },
  {
    id: 'too-short',
    about: 'a trace id of 31 digits',
    trace: 'ignore',
    sends: ({ traceId, spanId }) => ({ traceparent: `00-${traceId.slice(0, 31)}-${spanId}-01` }),
  },
  {
    id: 'too-long',
    about: 'a trace id of 33 digits',
    trace: 'ignore',
    sends: ({ traceId, spanId }) => ({ traceparent: `00-${traceId}a-${spanId}-01` }),
  },
];

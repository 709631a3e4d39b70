import { traceparentOf } from './probe-case.ts';
import type { ProbeCase } from './probe-case.ts';

/** What only the headers of HTTP can hold. */
export const headerCases: readonly ProbeCase[] = [
  {
    id: 'two-traceparents',
    about: 'two traceparent headers, of two traces',
    trace: 'should-ignore',
    sends: (ids) => ({
      traceparent: traceparentOf(ids),
      headers: [['traceparent', traceparentOf({ ...ids, traceId: ids.otherTraceId })]],
    }),
  },
  {
    id: 'two-tracestates',
    about: 'two tracestate headers, which are one list',
    trace: 'continue',
    sampled: true,
    sends: (ids) => ({
      traceparent: traceparentOf(ids),
      tracestate: 'probe0=1',
      headers: [['tracestate', 'probe1=2']],
    }),
  },
  {
    id: 'baggage-control',
    about: 'a control character in baggage, which no HTTP header may hold',
    trace: 'may-continue',
    sampled: true,
    mayRefuse: true,
    sends: (ids) => ({ traceparent: traceparentOf(ids), baggage: `probe-secret=a\u0001b\u0000c` }),
  },
  {
    id: 'headers-20k',
    about: 'tracestate of 20 KB',
    trace: 'may-continue',
    sampled: true,
    mayRefuse: true,
    sends: (ids) => ({ traceparent: traceparentOf(ids), tracestate: `probe0=${'v'.repeat(20_000)}` }),
  },
];

import { traceparentOf } from './probe-case.ts';
import type { Ids, ProbeCase, Sent } from './probe-case.ts';

/** https://www.w3.org/TR/trace-context-2/#tracestate-header: whatever it holds, the trace goes on. */
export const tracestateCases: readonly ProbeCase[] = [
  {
    id: 'tracestate',
    about: 'two members of tracestate',
    sends: (ids: Ids) => withState(ids, `probe0=${ids.marker},probe1=b`),
  },
  {
    id: 'tracestate-33',
    about: '33 members of tracestate; 32 are the most',
    sends: (ids: Ids) => withState(ids, Array.from({ length: 33 }, (_, at) => `probe${at}=${at}`).join(',')),
  },
  {
    id: 'tracestate-duplicates',
    about: 'one key of tracestate twice',
    sends: (ids: Ids) => withState(ids, 'probe0=1,probe1=2,probe0=3'),
  },
  {
    id: 'tracestate-long',
    about: 'tracestate of 840 characters; 512 are to be passed on',
    sends: (ids: Ids) =>
      withState(ids, Array.from({ length: 4 }, (_, at) => `probe${at}=${'v'.repeat(200)}${at}`).join(',')),
  },
  {
    id: 'tracestate-malformed',
    about: 'tracestate that is none',
    sends: (ids: Ids) => withState(ids, 'probe0 =1;=,===,\u0022'),
  },
].map((one) => ({ ...one, trace: 'continue', sampled: true }) as const);

function withState(ids: Ids, tracestate: string): Sent {
  return { traceparent: traceparentOf(ids), tracestate };
}

import { traceparentOf } from './probe-case.ts';
import type { Ids, ProbeCase } from './probe-case.ts';

/** A header that the receiver makes, where it writes decoded baggage into a header of its own. */
export const INJECTED = 'throughline-probe-injected';

/** https://www.w3.org/TR/baggage/: whatever it holds, the request is served and the trace goes on. */
export const baggageCases: readonly ProbeCase[] = [
  {
    id: 'baggage',
    about: 'a member of baggage that nobody else has to know',
    baggage: ({ marker }: Ids) => `probe-secret=${marker}`,
  },
  {
    id: 'baggage-64',
    about: '64 members of baggage; as many are to be passed on',
    baggage: ({ marker }: Ids) => members(64, marker),
  },
  {
    id: 'baggage-180',
    about: '180 members of baggage',
    baggage: ({ marker }: Ids) => members(180, marker),
  },
  {
    id: 'baggage-9k',
    about: 'baggage of 9 KB; 8192 bytes are to be passed on',
    // Servers that take 8 KB a header are usual.
    mayRefuse: true,
    baggage: ({ marker }: Ids) => `probe-secret=${marker},probe-long=${'v'.repeat(9200)}`,
  },
  {
    id: 'baggage-percent',
    about: 'baggage with percent-encoding that is none',
    baggage: ({ marker }: Ids) => `probe-secret=${marker},probe-a=%ZZ,probe-b=%,probe-c=%E0%A4%A`,
  },
  {
    id: 'baggage-crlf',
    about: 'a line break and a header, percent-encoded in baggage',
    baggage: ({ marker }: Ids) => `probe-secret=${marker}%0D%0A${INJECTED}:%20${marker}`,
  },
  {
    id: 'baggage-non-ascii',
    about: 'baggage with letters that are not ASCII',
    baggage: ({ marker }: Ids) => `probe-secret=${marker},probe-größe=weiß`,
  },
  {
    id: 'baggage-proto',
    about: 'baggage with the key __proto__',
    baggage: ({ marker }: Ids) => `__proto__=${marker},constructor=${marker}`,
  },
].map(
  ({ baggage, ...one }) =>
    ({
      ...one,
      trace: 'continue',
      sampled: true,
      sends: (ids: Ids) => ({ traceparent: traceparentOf(ids), baggage: baggage(ids) }),
    }) as const,
);

function members(count: number, marker: string): string {
  const rest = Array.from({ length: count - 1 }, (_, at) => `probe-${at}=${at}`);
  return [`probe-secret=${marker}`, ...rest].join(',');
}

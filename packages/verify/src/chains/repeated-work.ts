import type { Index } from './graph.ts';
import { listed } from './listed.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Judged } from './rules/context.ts';

/** The same question, asked more than once in one trace: what asked again could have kept. */
export interface RepeatedWork {
  readonly from: string;
  readonly transport: string;
  /** The path or tool. */
  readonly over?: string;
  /** How often it was asked again. */
  readonly again: number;
  /** Milliseconds that asking again took. */
  readonly took: number;
}

const SHOWN = 20;

/** Returns what was asked again, that which took longest first: GET and HEAD of one URL, and tools with the same arguments. */
export function repeatedWorkOf({ graph, ends }: Judged): RepeatedWork[] {
  const asked = new Map<number, Map<number, Index>>();
  const repeated = new Map<string, { -readonly [K in keyof RepeatedWork]: RepeatedWork[K] }>();
  for (const sender of ends.senders) {
    const call = graph.callOf(sender);
    const { transport, over, method } = graph.meetingPoint(sender) as MeetingPoint;
    const isQuestion = transport === 'mcp' || method === 'GET' || method === 'HEAD';
    if (call === undefined || !isQuestion) continue;
    const ofTrace = listed(asked, graph.traceNumber(sender), () => new Map<number, Index>());
    if (!ofTrace.has(call)) {
      ofTrace.set(call, sender);
      continue;
    }
    const known = listed(repeated, `${graph.serviceNumber(sender)}\n${transport}\n${over}`, () => ({
      from: graph.serviceOf(sender),
      transport,
      ...(over === undefined ? undefined : { over }),
      again: 0,
      took: 0,
    }));
    known.again++;
    known.took += graph.durationOf(sender);
  }
  return [...repeated.values()]
    .map((one) => ({ ...one, took: Math.round(one.took * 100) / 100 }))
    .sort((a, b) => b.took - a.took)
    .slice(0, SHOWN);
}

import { SLACK } from './clocks.ts';
import type { Clocks } from './clocks.ts';
import type { Index, SpanGraph } from './graph.ts';
import { listed } from './listed.ts';
import { meets } from './meeting-point.ts';
import type { MeetingPoint } from './meeting-point.ts';

/** Senders that nobody was seen to hear, by the place where they would be met. */
export interface WaitingSenders {
  /** Returns the latest sender that fits an arrival, and gives a request away once. */
  claim(receiver: Index): Index | undefined;
}

/** Where so many do not fit, none of the others is looked at: time stays in proportion to the capture. */
const MAX_LOOKED_AT = 1000;

/** Returns the senders that wait to be met. A request is for one, and a message may be meant for many. */
export function waitingSenders(
  graph: SpanGraph,
  senders: readonly Index[],
  clocks: Clocks,
  heardBy: (sender: Index) => readonly Index[],
): WaitingSenders {
  const places = new Map<string, Map<number, Index[]>>();
  const known = knownWays(graph, senders, heardBy);
  for (const sender of senders) {
    const { transport, waits, names } = graph.meetingPoint(sender) as MeetingPoint;
    if (waits && heardBy(sender).length > 0) continue;
    const put = (key: string): void => {
      const place = listed(places, key, () => new Map<number, Index[]>());
      listed(place, graph.serviceNumber(sender), () => [] as Index[]).push(sender);
    };
    for (const name of names) put(`${transport}\n${name}`);
    if (known.from.has(placeOf(graph, sender))) put(placeOf(graph, sender));
  }
  const claimed = new Uint8Array(graph.size);
  const lanes = new Map<string, readonly Lane[]>();
  // What a service was seen to hear it does not wait for, and others may.
  const lanesTo = (receiver: Index, place: string): readonly Lane[] => {
    const service = graph.serviceNumber(receiver);
    return listed(lanes, `${service}\n${place}`, () =>
      [...(places.get(place)?.values() ?? [])].map((list) => {
        const open = list.filter((at) => !heardBy(at).some((hearer) => graph.serviceNumber(hearer) === service));
        return new Lane(graph, open, claimed);
      }),
    );
  };
  return {
    claim(receiver) {
      const point = graph.meetingPoint(receiver);
      if (point === undefined) return undefined;
      const byName = point.names.map((name) => ({ place: `${point.transport}\n${name}`, isKnown: false }));
      const byWay = [...(known.to.get(placeOf(graph, receiver)) ?? [])].map((place) => ({ place, isKnown: true }));
      for (const { place, isKnown } of [...byName, ...byWay]) {
        let best: Index | undefined;
        let least = Infinity;
        for (const lane of lanesTo(receiver, place)) {
          if (lane.first === undefined) continue;
          const arrived = graph.startOf(receiver) - clocks.ahead(lane.first, receiver);
          const sender = lane.latest(arrived, (at) => fits(graph, at, receiver, arrived, isKnown));
          if (sender === undefined) continue;
          const since = arrived - graph.startOf(sender);
          // One that began after the arrival, by clocks that may be apart, fits least.
          const distance = since < 0 ? Number.MAX_VALUE : since;
          if (distance >= least) continue;
          best = sender;
          least = distance;
        }
        if (best === undefined) continue;
        // One span may stand for many messages that were sent at once.
        if (graph.meetingPoint(best)?.waits === true) claimed[best] = 1;
        return best;
      }
      return undefined;
    },
  };
}

/** Which place of a service leads to which of another, as hops that are whole show: a proxy between has its own names for them. */
interface KnownWays {
  readonly from: ReadonlySet<string>;
  /** Where was sent to, by where that arrived. */
  readonly to: ReadonlyMap<string, ReadonlySet<string>>;
}

function knownWays(
  graph: SpanGraph,
  senders: readonly Index[],
  heardBy: (sender: Index) => readonly Index[],
): KnownWays {
  const from = new Set<string>();
  const to = new Map<string, Set<string>>();
  for (const sender of senders) {
    const sent = graph.meetingPoint(sender) as MeetingPoint;
    for (const receiver of heardBy(sender)) {
      const point = graph.meetingPoint(receiver);
      if (point === undefined || meets(sent, point)) continue;
      from.add(placeOf(graph, sender));
      listed(to, placeOf(graph, receiver), () => new Set<string>()).add(placeOf(graph, sender));
    }
  }
  return { from, to };
}

function placeOf(graph: SpanGraph, at: Index): string {
  return `${graph.serviceNumber(at)} ${graph.meetingPointNumber(at)}`;
}

/** Whether a service may have received what it asks of others, as a gateway does: only a port that both name says that it asks itself. */
function isPassedOn(graph: SpanGraph, sender: Index, receiver: Index): boolean {
  if (graph.serviceNumber(sender) !== graph.serviceNumber(receiver)) return false;
  const port = graph.meetingPoint(receiver)?.port;
  return port === undefined || port !== graph.meetingPoint(sender)?.port;
}

function fits(graph: SpanGraph, sender: Index, receiver: Index, arrived: number, isKnown: boolean): boolean {
  const sent = graph.meetingPoint(sender) as MeetingPoint;
  return (
    (!sent.waits || !isPassedOn(graph, sender, receiver)) &&
    (!sent.waits || graph.endOf(sender) + SLACK >= arrived) &&
    sender !== receiver &&
    (isKnown || meets(sent, graph.meetingPoint(receiver) as MeetingPoint)) &&
    !graph.forest.isBelow(sender, receiver)
  );
}

/** The senders of one service at one place, in the order of their start. */
class Lane {
  readonly #graph: SpanGraph;
  readonly #senders: Int32Array;
  readonly #claimed: Uint8Array;
  /** The latest end of a sender and all before it: nobody before it waits any more. */
  readonly #over: Float64Array;
  /** Where to go on from a place, towards the start: past those that were claimed. */
  readonly #before: Int32Array;

  constructor(graph: SpanGraph, senders: readonly Index[], claimed: Uint8Array) {
    this.#graph = graph;
    this.#claimed = claimed;
    this.#senders = Int32Array.from(senders).sort((a, b) => graph.startOf(a) - graph.startOf(b));
    let over = -Infinity;
    this.#over = Float64Array.from(this.#senders, (at) => {
      const isOpen = graph.meetingPoint(at)?.waits !== true;
      return (over = isOpen ? Infinity : Math.max(over, graph.endOf(at)));
    });
    this.#before = Int32Array.from(this.#senders, (_, place) => place);
  }

  get first(): Index | undefined {
    return this.#senders[0];
  }

  /** Returns the sender that started last before a time and fits; else the next one, as far as clocks may be apart. */
  latest(time: number, isFitting: (sender: Index) => boolean): Index | undefined {
    const last = this.#lastUntil(time);
    let looked = 0;
    for (let place = this.#open(last); place >= 0; place = this.#open(place - 1)) {
      if ((this.#over[place] as number) + SLACK < time || looked++ === MAX_LOOKED_AT) break;
      const sender = this.#senders[place] as Index;
      if (isFitting(sender)) return sender;
    }
    for (let place = last + 1; place < this.#senders.length && looked++ < MAX_LOOKED_AT; place++) {
      const sender = this.#senders[place] as Index;
      if (this.#graph.startOf(sender) > time + SLACK) break;
      if (this.#claimed[sender] === 0 && isFitting(sender)) return sender;
    }
    return undefined;
  }

  /** The last place at which somebody started until a time. */
  #lastUntil(time: number): number {
    let low = 0;
    let high = this.#senders.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#graph.startOf(this.#senders[middle] as Index) <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The nearest place from this one on towards the start whose sender was not claimed. */
  #open(from: number): number {
    let place = from;
    while (place >= 0 && this.#claimed[this.#senders[place] as Index] === 1) {
      const next = this.#before[place] as number;
      place = next === place ? place - 1 : next;
    }
    // Later ones do not walk the same way again.
    for (let at = from; at > place;) {
      const next = this.#before[at] as number;
      this.#before[at] = Math.max(place, -1);
      at = next === at ? at - 1 : next;
    }
    return place;
  }
}

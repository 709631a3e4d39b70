import { idOf } from './family.ts';
import type { Draw } from './mutation.ts';

/** An export that is sent again says nothing new. */
const again: Draw = ({ spans }, random) => {
  const ids = new Set(Array.from({ length: 1 + random.below(spans.length) }, () => idOf(random.pick(spans))));
  return {
    name: `sends ${ids.size} again`,
    apply: (family) => {
      const copies = family.spans.filter((span) => ids.has(idOf(span))).map((span) => ({ ...span }));
      return copies.length === 0 ? undefined : { spans: [...copies.reverse(), ...family.spans], must: [] };
    },
  };
};

/** In which order spans are exported says nothing. */
const shuffled: Draw = ({ spans }, random) => {
  const places = new Map(spans.map((span) => [idOf(span), random.next()]));
  const placeOf = (id: string): number => places.get(id) ?? 0;
  return {
    name: 'shuffles',
    apply: (family) => ({ spans: [...family.spans].sort((a, b) => placeOf(idOf(a)) - placeOf(idOf(b))), must: [] }),
  };
};

/** Another span of an id that is there. */
const collision: Draw = ({ spans }, random) => {
  const id = idOf(random.pick(spans));
  return {
    name: `makes another ${id}`,
    apply: (family) => {
      const span = family.find(id);
      if (span === undefined) return undefined;
      const other = { ...span, name: `${span.name} again`, endTimeUnixNano: span.endTimeUnixNano + 1000n };
      const { service } = span;
      return {
        spans: [...family.spans, other],
        must: [{ codes: ['duplicate-span'], to: service }],
        // Two that received the same call, and two of which one made it.
        may: [
          { codes: ['double-span'], to: service },
          { codes: ['missing-calls'], from: service },
        ],
      };
    },
  };
};

export const copies: readonly Draw[] = [again, shuffled, collision];

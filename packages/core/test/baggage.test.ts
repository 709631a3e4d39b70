import { baggageEntryMetadataFromString, propagation } from '@opentelemetry/api';
import type { Baggage } from '@opentelemetry/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterBaggage, formatBaggage, parseBaggage } from '@throughline/core/adapter';

const values = (baggage: Baggage | undefined) =>
  Object.fromEntries(baggage?.getAllEntries().map(([key, { value }]) => [key, value]) ?? []);

describe('parseBaggage (W3C Baggage, 3.2)', () => {
  it('reads members, blanks around them, metadata and empty values', () => {
    const baggage = parseBaggage('a=1;p=1;q, b = two ,c=');
    expect(values(baggage)).toEqual({ a: '1', b: 'two', c: '' });
    expect(baggage?.getEntry('a')?.metadata?.toString()).toBe('p=1;q');
  });

  it('sends unchanged baggage on as the same bytes', () => {
    const text = 'session.id=abc%20123;p=1,user.tier=gold,empty=';
    expect(formatBaggage(parseBaggage(text))).toBe(text);
  });

  it('never sends a blank in a value, or a line break after a property, on as it came', () => {
    expect(formatBaggage(parseBaggage('a=1 2,b=3'))).toBe('a=1%202,b=3');
    expect(formatBaggage(parseBaggage('a=1;p=1\r\n,b=2'))).toBe('a=1;p=1,b=2');
  });

  it('counts members as they are written where it makes room for lineage', () => {
    const text = `throughline.lineage=1.0.1.1.-.-.-,${Array.from({ length: 64 }, (_, at) => `k${at % 9}=`).join(',')}`;
    expect(formatBaggage(parseBaggage(text))?.split(',').length).toBeLessThanOrEqual(64);
  });

  it('decodes malformed percent-encoding with U+FFFD', () => {
    expect(values(parseBaggage('a=%zz,b=%C3%A4,c=%C3x,d=%'))).toEqual({
      a: '\uFFFDzz',
      b: 'ä',
      c: '\uFFFDx',
      d: '\uFFFD',
    });
  });

  it('leaves a member that is not well-formed out, and the others in', () => {
    expect(values(parseBaggage('=1,noequals,k k=2,good=3,"q"=4'))).toEqual({ good: '3' });
  });

  it('has __proto__ as an ordinary key', () => {
    const baggage = parseBaggage('__proto__=polluted,constructor=2');
    expect(baggage?.getEntry('__proto__')?.value).toBe('polluted');
    expect(formatBaggage(baggage)).toBe('__proto__=polluted,constructor=2');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('takes one member of 8 KB: there is no smaller cap on one member', () => {
    const text = `k=${'v'.repeat(8190)}`;
    expect(formatBaggage(parseBaggage(text))).toBe(text);
  });

  it('drops whole members from the end past 64 members and past 8192 bytes', () => {
    const many = Array.from({ length: 70 }, (_, at) => `k${at}=v`).join(',');
    expect(parseBaggage(many)?.getAllEntries()).toHaveLength(64);
    const large = Array.from({ length: 9 }, (_, at) => `k${at}=${'v'.repeat(1000)}`).join(',');
    expect(
      parseBaggage(large)
        ?.getAllEntries()
        .map(([key]) => key),
    ).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7']);
  });
});

describe('formatBaggage', () => {
  it('never lets a key, a value or metadata add a member or a header', () => {
    const hostile = propagation.createBaggage({
      'k,x=1': { value: 'a,b=2;c\r\nx: y' },
      m: { value: '1', metadata: baggageEntryMetadataFromString('p=1,evil=2\r\nset-cookie: a') },
    });
    const text = formatBaggage(hostile) ?? '';
    expect(text).not.toMatch(/[\r\n]/);
    expect(text.split(',')).toHaveLength(2);
    expect(values(parseBaggage(text))).toEqual({ 'k,x=1': 'a,b=2;c\r\nx: y', m: '1' });
  });

  it('replaces lone surrogates', () => {
    expect(formatBaggage(propagation.createBaggage({ k: { value: 'a\ud800b' } }))).toBe('k=a%EF%BF%BDb');
  });

  it('drops whole members from the end past the limits', () => {
    const entries = Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`k${at}`, { value: 'v'.repeat(200) }]));
    const text = formatBaggage(propagation.createBaggage(entries)) ?? '';
    expect(text.length).toBeLessThanOrEqual(8192);
    expect(text.split(',').every((member) => /^k\d+=v{200}$/.test(member))).toBe(true);
  });

  it('gives undefined, never an empty field, for nothing, and for objects that only look like baggage', () => {
    expect(formatBaggage(propagation.createBaggage())).toBeUndefined();
    for (const input of [
      undefined,
      null,
      7,
      {},
      { getAllEntries: () => 7 },
      {
        getAllEntries: () => [
          ['k', null],
          ['l', {}],
        ],
      },
    ]) {
      expect(formatBaggage(input as never)).toBeUndefined();
    }
  });

  it('round-trips any keys and values', () => {
    const key = fc.string({ minLength: 1, maxLength: 12, unit: 'binary' });
    const entries = fc.uniqueArray(fc.tuple(key, fc.string({ maxLength: 20, unit: 'binary' })), {
      maxLength: 20,
      selector: ([name]) => name.toWellFormed(),
    });
    fc.assert(
      fc.property(entries, (members) => {
        const baggage = members.reduce(
          (all, [name, value]) => all.setEntry(name, { value }),
          propagation.createBaggage(),
        );
        const read = parseBaggage(formatBaggage(baggage));
        expect(read?.getAllEntries().map(([name, entry]) => [name, entry.value]) ?? []).toEqual(
          members.map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is total and bounded: what was read from anything is written as one valid field', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.string({ maxLength: 300 }), fc.string({ maxLength: 300, unit: 'binary' })),
        (input) => {
          const text = formatBaggage(parseBaggage(input));
          if (text === undefined) return;
          expect(text).toMatch(/^[\x20-\x7e]+$/);
          expect(text.length).toBeLessThanOrEqual(8192);
          expect(formatBaggage(parseBaggage(text))).toBe(text);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('filterBaggage', () => {
  it('keeps the same object where every member stays, and none where none does', () => {
    const baggage = parseBaggage('a=1,b=2');
    expect(filterBaggage(baggage, () => true)).toBe(baggage);
    expect(filterBaggage(baggage, () => false)).toBeUndefined();
    expect(values(filterBaggage(baggage, (key) => key === 'b'))).toEqual({ b: '2' });
  });
});

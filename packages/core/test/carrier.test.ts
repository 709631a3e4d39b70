import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  carriedContext,
  httpHeaders,
  messageHeaders,
  metaFields,
  nodeHeaders,
  writeHeaders,
  writeRecord,
} from '@throughline/core/adapter';

const first = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const second = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const id = (carrier: unknown, reader = httpHeaders) => carriedContext(carrier, reader)?.traceId;

describe('carriers', () => {
  it.each([
    ['Headers', new Headers({ Traceparent: first })],
    ['a record in any letter case', { TraceParent: first }],
    ['a record without prototype', Object.assign(Object.create(null), { traceparent: first })],
    ['a Map', new Map([['TRACEPARENT', first]])],
    ['a Map with keys of bytes', new Map([[Buffer.from('traceparent'), Buffer.from(first)]])],
    [
      'an array of pairs',
      [
        ['x', '1'],
        ['traceparent', first],
      ],
    ],
    ['a Buffer value', { traceparent: Buffer.from(first) }],
    ['an array of one', { traceparent: [first] }],
  ])('reads %s', (_case, carrier) => {
    expect(id(carrier)).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('over HTTP a repeated traceparent is invalid, joined by Node or not', () => {
    expect(id({ traceparent: `${first}, ${second}` }, nodeHeaders)).toBeUndefined();
    expect(id({ traceparent: [first, second] })).toBeUndefined();
  });

  it('in message headers the last valid one counts, in whatever letter case it stands', () => {
    expect(id({ traceparent: [first, Buffer.from(second), 'not one'] }, messageHeaders)).toBe(
      '1af7651916cd43dd8448eb211c80319c',
    );
    expect(id({ Traceparent: first, traceparent: second }, messageHeaders)).toBe('1af7651916cd43dd8448eb211c80319c');
    expect(id({ traceparent: null }, messageHeaders)).toBeUndefined();
  });

  it('in _meta only a string counts, and only an own key', () => {
    expect(id({ traceparent: first }, metaFields)).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(id({ traceparent: [first] }, metaFields)).toBeUndefined();
    expect(id({ traceparent: Buffer.from(first) }, metaFields)).toBeUndefined();
    expect(id(Object.create({ traceparent: first }), metaFields)).toBeUndefined();
  });

  it('what a record inherits is no header', () => {
    expect(id(Object.create({ traceparent: first }), messageHeaders)).toBeUndefined();
    expect(id(Object.create({ traceparent: first }), httpHeaders)).toBeUndefined();
  });

  it('never throws on a carrier of any type, also where its getters do', () => {
    const throwing = {
      get traceparent(): string {
        throw new Error('from outside');
      },
    };
    for (const reader of [nodeHeaders, httpHeaders, messageHeaders, metaFields]) {
      expect(id(throwing, reader)).toBeUndefined();
      fc.assert(fc.property(fc.anything(), (carrier) => void carriedContext(carrier, reader)));
      fc.assert(
        fc.property(fc.anything(), (value) => void carriedContext({ traceparent: value, Traceparent: value }, reader)),
      );
    }
  });
});

describe('writing fields', () => {
  const write = { mode: 'write', fields: { traceparent: second }, keepsValid: false } as const;

  it('loses all three fields in every letter case before ours are written', () => {
    const headers = Object.freeze({ TraceParent: first, TRACESTATE: 'a=1', Baggage: 'k=1', other: 'x' });
    expect(writeRecord(headers, write)).toEqual({ other: 'x', traceparent: second });
    expect([...writeHeaders(headers, write)]).toEqual([
      ['other', 'x'],
      ['traceparent', second],
    ]);
  });

  it('keeps a carrier that holds a valid traceparent alone, when asked to', () => {
    const keep = { ...write, keepsValid: true };
    expect(writeRecord({ traceparent: first, tracestate: 'a=1' }, keep)).toEqual({
      traceparent: first,
      tracestate: 'a=1',
    });
    expect(writeRecord({ traceparent: 'not one', tracestate: 'a=1' }, keep)).toEqual({ traceparent: second });
    expect(writeHeaders({ traceparent: first }, keep).get('traceparent')).toBe(first);
  });

  it('never passes a field of a wrong type on, also with nothing to write', () => {
    const nothing = { mode: 'keep', fields: {}, keepsValid: true } as const;
    expect(writeRecord({ traceparent: first, baggage: 7 }, nothing, 'meta')).toEqual({ traceparent: first });
    expect(writeRecord({ traceparent: Buffer.from(first), tracestate: null }, nothing)).toEqual({
      traceparent: Buffer.from(first),
    });
  });

  it('strips under suppress', () => {
    const strip = { mode: 'strip', fields: {}, keepsValid: false } as const;
    expect(writeRecord({ TraceParent: first, a: 1 }, strip)).toEqual({ a: 1 });
    expect([...writeHeaders({ baggage: 'k=1', a: '1' }, strip)]).toEqual([['a', '1']]);
  });

  it('keeps a __proto__ header an ordinary key', () => {
    const record = JSON.parse('{"__proto__":"x","Baggage":"k=1"}') as Record<string, string>;
    const copy = writeRecord(record, write);
    expect(Object.keys(copy).sort()).toEqual(['__proto__', 'traceparent']);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});

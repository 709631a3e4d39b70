import { headers } from '@nats-io/nats-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { writtenHeaders } from '../src/headers.ts';
import { matches } from '../src/subjects.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const sending = { fields: { traceparent }, mode: 'write', keepsValid: false } as const;
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/);
const value = fc.stringMatching(/^[!-9;-~]{0,40}$/);

it('headers of the user’s own are all there, in a copy, and of ours exactly one of each', () => {
  const stale = fc.constantFrom('Traceparent', 'TRACESTATE', 'baggage', 'traceparent');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.oneof(name, stale), value)), (entries) => {
      const own = headers();
      for (const [key, text] of entries) own.append(key, text);
      const before = JSON.stringify([...own]);
      const written = new Map(writtenHeaders(own, sending));
      expect(JSON.stringify([...own])).toBe(before);
      const kept = [...own].filter(([key]) => !/^(?:traceparent|tracestate|baggage)$/i.test(key));
      expect([...written]).toEqual([...kept, ['traceparent', [traceparent]]]);
    }),
  );
});

it('a status stays, and headers that are none are made', () => {
  const written = writtenHeaders(headers(201, 'Made'), sending);
  expect([written.code, written.description]).toEqual([201, 'Made']);
  expect([...writtenHeaders(undefined, sending)]).toEqual([['traceparent', [traceparent]]]);
});

it('patterns match as those of NATS do', () => {
  const token = fc.stringMatching(/^[a-z0-9]{1,5}$/);
  fc.assert(
    fc.property(fc.array(token, { minLength: 1, maxLength: 5 }), fc.nat(4), (tokens, at) => {
      const subject = tokens.join('.');
      const place = at % tokens.length;
      expect(matches(subject, subject)).toBe(true);
      expect(matches(tokens.with(place, '*').join('.'), subject)).toBe(true);
      expect(matches([...tokens.slice(0, place), '>'].join('.'), subject)).toBe(true);
      expect(matches(`${subject}.>`, subject)).toBe(false);
      expect(matches(`${subject}.*`, subject)).toBe(false);
      expect(matches(subject, `${subject}.x`)).toBe(false);
    }),
  );
});

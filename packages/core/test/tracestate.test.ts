import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTracestate } from '@throughline/core/adapter';
import { limitsOf } from '../src/w3c/limits.ts';

describe('parseTracestate (Trace Context Level 2, 3.3)', () => {
  it('passes an unchanged list on as the same bytes', () => {
    const text = 'rojo=00f067aa0ba902b7 , ,congo=t61rcWkgMzE';
    expect(parseTracestate(text)?.serialize()).toBe(text);
  });

  it('keeps the first of duplicated keys, which is the newest', () => {
    expect(parseTracestate('foo=1,bar=2,foo=3')?.serialize()).toBe('foo=1,bar=2');
  });

  it.each([
    ['a key in upper case', 'FOO=1'],
    ['a blank in a key', 'foo =1'],
    ['a dot in a key', 'foo.bar=1'],
    ['a key that starts with @', '@foo=1,bar=2'],
    ['a value with =', 'foo=bar=baz'],
    ['an empty value', 'foo=,bar=3'],
    ['a tab inside a value', 'foo=a\tb'],
    ['no value at all', 'foo,bar=1'],
    ['a key of 257 characters', `${'k'.repeat(257)}=1`],
    ['a value of 257 characters', `foo=${'v'.repeat(257)}`],
    ['33 members', Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(',')],
    ['only empty members', ' , ,,'],
    ['a character outside ASCII', 'foo=ü'],
  ])('drops the whole list for %s', (_case, text) => {
    expect(parseTracestate(text)).toBeUndefined();
  });

  it('takes 32 members, keys of 256 characters, and @ anywhere but first', () => {
    expect(parseTracestate(Array.from({ length: 32 }, (_, at) => `k${at}=1`).join(','))?.get('k31')).toBe('1');
    const key = `t@@${'v'.repeat(253)}`;
    expect(parseTracestate(`${key}=1,9=2`)?.get(key)).toBe('1');
  });

  it('keeps leading blanks of a value and drops those behind it', () => {
    expect(parseTracestate('foo=  1 \t,bar=2')?.get('foo')).toBe('  1');
  });

  it('puts a changed member in front, and leaves the list it came from as it was', () => {
    const list = parseTracestate('a=1,b=2');
    expect(list?.set('b', '3').serialize()).toBe('b=3,a=1');
    expect(list?.unset('a').serialize()).toBe('b=2');
    expect(list?.set('B', 'not a key').serialize()).toBe('a=1,b=2');
    expect(list?.serialize()).toBe('a=1,b=2');
  });

  it('drops the last member when a new one makes 33', () => {
    const list = parseTracestate(Array.from({ length: 32 }, (_, at) => `k${at}=1`).join(','));
    expect(list?.set('new', '1').get('k31')).toBeUndefined();
    expect(list?.set('new', '1').get('k30')).toBe('1');
  });

  it.each([1, 63, 64, 65, 200, 512])('holds a limit of %i members', (most) => {
    const limits = limitsOf({ tracestateMembers: most });
    const list = (members: number) => Array.from({ length: members }, (_, at) => `k${at}=1`).join(',');
    expect(parseTracestate(list(most), limits)?.serialize()).toBe(list(most));
    expect(parseTracestate(list(most + 1), limits)).toBeUndefined();
    const changed = parseTracestate(list(most), limits)?.set('new', '1').serialize().split(',');
    expect(changed).toHaveLength(most);
    expect(changed?.[0]).toBe('new=1');
    expect(parseTracestate(`${list(most)},k0=2`, limits)?.serialize()).toBe(list(most));
  });

  it('is total, and what it gives reads back the same', () => {
    const member = fc.tuple(
      fc.stringMatching(/^[a-z0-9][a-z0-9_*/@-]{0,8}$/),
      fc.stringMatching(/^[ -+\--<>-~]{0,8}[!-+\--<>-~]$/),
    );
    const list = fc
      .array(member, { maxLength: 40 })
      .map((members) => members.map(([key, value]) => `${key}=${value}`).join(','));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ maxLength: 100 }), list), (input) => {
        const state = parseTracestate(input);
        if (state === undefined) return;
        const text = state.serialize();
        expect(text).not.toBe('');
        expect(parseTracestate(text)?.serialize()).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

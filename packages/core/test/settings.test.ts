import { describe, expect, it, vi } from 'vitest';
import { ThroughlineError } from '@throughline/core';
import { hopSettings, markWrapped, remembering, wrapped } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import type { HopSettings } from '@throughline/core/adapter';

const scope = { name: '@throughline/test', version: '1.0.0' };

describe('options that cannot be meant throw at construction, with the fix in the message', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'inbound',
      { inbound: 'trust' },
      /`inbound` takes one of 'continue', 'restart-with-link', 'restart' or a function/,
    ],
    ['outbound', { outbound: true }, /'inject', 'suppress'/],
    [
      'authenticated',
      { authenticated: true },
      /`authenticated` takes a function of the peer that returns true or false/,
    ],
    ['answer', { answer: 'everybody' }, /`answer` takes 'first-party', true or false; it was given 'everybody'/],
    ['existing', { existing: 'merge' }, /'replace', 'keep'/],
    ['firstParty', { firstParty: 'example.com' }, /a list such as/],
    ['firstParty member', { firstParty: [''] }, /non-empty names/],
    ['limits', { limits: { baggageBytes: -1 } }, /`limits.baggageBytes` takes a whole number, such as 8192/],
    ['agent', { agent: '' }, /`agent` takes a name/],
    ['spans', { spans: 'no' }, /true or false/],
    ['baggage.send', { baggage: { send: 'all' } }, /`baggage.send`/],
    ['baggage.accept', { baggage: { accept: 'a' } }, /`baggage.accept`/],
    ['propagator', { propagator: {} }, /TextMapPropagator/],
  ])('%s', (_name, options, message) => {
    const construct = () => hopSettings(options as HopOptions, scope);
    expect(construct).toThrow(message);
    expect(construct).toThrow(expect.objectContaining({ name: 'ThroughlineError', code: 'ERR_THROUGHLINE_OPTION' }));
  });

  it('is an Error with a code', () => {
    expect(new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', 'x')).toBeInstanceOf(Error);
  });
});

describe('options that are handed in with every call', () => {
  const make = vi.fn<(options: HopOptions | undefined) => HopSettings>((options) => hopSettings(options, scope));

  it('are checked once for each object, and once for none', () => {
    make.mockClear();
    const settingsOf = remembering(make);
    const given = Object.freeze({ agent: 'planner' });
    expect(settingsOf(given)).toBe(settingsOf(given));
    expect(settingsOf(undefined)).toBe(settingsOf(null as never));
    expect(settingsOf({ agent: 'planner' })).not.toBe(settingsOf(given));
    expect(make.mock.calls).toEqual([[given], [undefined], [{ agent: 'planner' }]]);
  });

  it('are reported each time when they cannot be meant', () => {
    const settingsOf = remembering(make);
    const wrong = { spans: 'no' } as unknown as HopOptions;
    for (const options of [7 as never, 'planner' as never, wrong, wrong]) {
      expect(() => settingsOf(options)).toThrow(ThroughlineError);
    }
  });
});

describe('wrapping once', () => {
  it('marks a wrapper by a symbol that every copy of the package knows', () => {
    const thing = markWrapped({ send: 1 }, hopSettings({}, scope));
    expect(wrapped(thing)).toBe(true);
    expect(Object.keys(thing)).toEqual(['send']);
    expect(Symbol.for('throughline.wrapped') in thing).toBe(true);
    expect(wrapped({})).toBe(false);
    expect(wrapped(undefined)).toBe(false);
  });
});

import { describe, expect, it, vi } from 'vitest';
import { resumeTrace, ThroughlineError, traceEnv, W3CPropagator } from '@throughline/core';
import { hopSettings, markWrapped, remembering, wrapped } from '@throughline/core/adapter';
import { baggageSpanProcessor, edgeSampler } from '@throughline/core/sdk';
import type { HopOptions } from '@throughline/core';
import type { HopSettings } from '@throughline/core/adapter';

const scope = { name: '@throughline/test', version: '1.0.0' };

describe('wrong options throw at construction, with the fix in the message', () => {
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
    [
      'answer',
      { answer: 'everybody' },
      /`answer` takes 'first-party', 'authenticated', true or false; it was given 'everybody'/,
    ],
    ['existing', { existing: 'merge' }, /'replace', 'keep'/],
    ['firstParty', { firstParty: 'example.com' }, /a list such as/],
    ['firstParty member', { firstParty: [''] }, /non-empty names/],
    [
      'limits',
      { limits: { baggageBytes: -1 } },
      /`limits.baggageBytes` takes a whole number from 0 to 65536; it was given -1/,
    ],
    ['limits past what can hold', { limits: { tracestateMembers: 513 } }, /from 0 to 512; it was given 513/],
    ['a list', [], /`options` takes an object, .*given a list/],
    ['limits of another type', { limits: 7 }, /`limits` takes an object/],
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

  it.each([
    [{ agnet: 'planner' }, '`agnet` is no option. Did you mean `agent`?'],
    [{ inbuond: 'restart' }, '`inbuond` is no option. Did you mean `inbound`?'],
    [{ outBound: 'suppress' }, '`outBound` is no option. Did you mean `outbound`?'],
    [{ firstparties: ['a'] }, undefined],
    [{ firstPartys: ['a'] }, '`firstPartys` is no option. Did you mean `firstParty`?'],
    [{ tracerprovider: {} }, '`tracerprovider` is no option. Did you mean `tracerProvider`?'],
    [{ linage: false }, '`linage` is no option. Did you mean `lineage`?'],
    [{ span: false }, '`span` is no option. Did you mean `spans`?'],
    [{ rotue: () => '/' }, '`rotue` is no option. Did you mean `route`?'],
    [{ limits: { baggageMember: 1 } }, '`limits.baggageMember` is no option. Did you mean `baggageMembers`?'],
    [{ baggage: { sned: false } }, '`baggage.sned` is no option. Did you mean `send`?'],
    [{ baggage: { deny: ['a'] } }, '`baggage.deny` is no option. It takes accept, send, toAttributes, maxValues.'],
    [{ lineage: { mod: 'enforce' } }, '`lineage.mod` is no option. Did you mean `mode`?'],
    [{ lineage: { limit: 3 } }, '`lineage.limit` is no option. It takes mode, maxHops,'],
    [{ ['agent\u0000']: 'x' }, '`agent\\u{0}` is no option. Did you mean `agent`?'],
    // Another adapter's, the user's own, and one that is not given.
    [{ spanPerMessage: true, event: 'x', tenant: 7, inbuond: undefined }, undefined],
  ])('a misspelt name: %j', (options, message) => {
    const construct = () => hopSettings(options as HopOptions, scope, ['route']);
    if (message === undefined) expect(construct).not.toThrow();
    else expect(construct).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }));
    if (message !== undefined) expect(construct).toThrow(message);
  });

  it.each([
    [
      () => new W3CPropagator({ limits: { tracestateMembers: 1.5 } }),
      '`limits.tracestateMembers` takes a whole number',
    ],
    [() => new W3CPropagator({ limits: { member: 1 } as never }), '`limits.member` is no option'],
    [
      () => new W3CPropagator({ field: ['baggage'] } as never),
      '`W3CPropagator.field` is no option. Did you mean `fields`?',
    ],
    [() => new W3CPropagator({ fields: ['tracestat'] }), "`fields` takes a list of 'traceparent', 'tracestate' and"],
    [() => edgeSampler({ ratio: 1, rulse: [] } as never), '`edgeSampler.rulse` is no option. Did you mean `rules`?'],
    [
      () => edgeSampler({ ratio: 1, rules: [{ route: '/', agents: 'a', ratio: 1 }] } as never),
      '`edgeSampler.rules[0].agents` is no option. Did you mean `agent`?',
    ],
    [
      () => baggageSpanProcessor({ key: ['a'] } as never),
      '`baggageSpanProcessor.key` is no option. Did you mean `keys`?',
    ],
    [() => resumeTrace(null, 'x', () => {}, { relatoin: 'link' } as never), 'Did you mean `relation`?'],
    [() => traceEnv({}, { outbuond: 'suppress' } as never), 'Did you mean `outbound`?'],
  ])('what else takes options: %s', (construct, message) => {
    expect(construct).toThrow(message);
    expect(construct).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }));
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

  it('are reported each time when they are wrong', () => {
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

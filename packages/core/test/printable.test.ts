import { SpanKind } from '@opentelemetry/api';
import { hopSettings, messageHeaders, printable, printableJson } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInbound, startOutbound } from './admitted.ts';

const ALL = 0x110000;
const escaped = (code: number): string => `\\u{${code.toString(16)}}`;

/** What must never be shown as it is, by Unicode's own tables of what it is. */
const hidden: readonly (readonly [what: string, from: number, to: number])[] = [
  ['C0 controls', 0x00, 0x1f],
  ['DEL and C1 controls', 0x7f, 0x9f],
  ['the soft hyphen', 0xad, 0xad],
  ['the grapheme joiner', 0x34f, 0x34f],
  ['the Arabic letter mark', 0x61c, 0x61c],
  ['Hangul fillers', 0x115f, 0x1160],
  ['Mongolian variation selectors', 0x180b, 0x180f],
  ['zero-width spaces and joiners, and marks of direction', 0x200b, 0x200f],
  ['separators, embeddings and overrides of direction', 0x2028, 0x202e],
  ['the word joiner, invisible operators, isolates', 0x2060, 0x206f],
  ['the Hangul filler', 0x3164, 0x3164],
  ['surrogates without their other half', 0xd800, 0xdfff],
  ['private use', 0xe000, 0xf8ff],
  ['noncharacters in Arabic forms', 0xfdd0, 0xfdef],
  ['variation selectors', 0xfe00, 0xfe0f],
  ['the byte order mark', 0xfeff, 0xfeff],
  ['the halfwidth Hangul filler', 0xffa0, 0xffa0],
  ['interlinear annotation', 0xfff9, 0xfffb],
  ['noncharacters', 0xfffe, 0xffff],
  ['musical formats', 0x1d173, 0x1d17a],
  ['tags, and more variation selectors', 0xe0000, 0xe0fff],
  ['private planes', 0xf0000, 0x10ffff],
];

describe('printable', () => {
  it.each(hidden)('writes out %s', (_, from, to) => {
    for (let code = from; code <= to; code++) {
      expect(printable(`a${String.fromCodePoint(code)}b`)).toBe(`a${escaped(code)}b`);
    }
  });

  it('lets through every letter, mark, number, sign and space of Unicode that shows, and nothing else', () => {
    const shows = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
    const hides = /^\p{Default_Ignorable_Code_Point}$/u;
    for (let code = 0; code < ALL; code++) {
      const character = String.fromCodePoint(code);
      const isShown = shows.test(character) && !hides.test(character);
      if (printable(character) !== (isShown ? character : escaped(code))) {
        expect.fail(`U+${code.toString(16)} comes out as ${printable(character)}`);
      }
    }
  });

  it.each([
    'plain text, "quoted" \\ and <tagged>',
    'naïve Ελληνικά Кириллица',
    'עברית العربية فارسی',
    'हिन्दी ไทย မြန်မာ',
    '日本語 中文 한국어',
    '🚀 👩🏽 ½ ∑ → │',
  ])('leaves ordinary text alone: %s', (text) => {
    expect(printable(text)).toBe(text);
  });

  it('shows two names that look the same as two', () => {
    expect(printable('search')).not.toBe(printable('sea\u200brch'));
    expect(printable('می\u200cشود')).toBe('می\\u{200c}شود');
  });

  it('never cuts within a character, and keeps to its length', () => {
    expect(printable('ab🚀cd', 4)).toBe('ab…');
    expect(printable('ab🚀cd', 5)).toBe('ab🚀…');
    expect(printable('ab🚀', 4)).toBe('ab🚀');
    expect(printable('\u0000'.repeat(1000), 101)).toBe(`${'\\u{0}'.repeat(20)}…`);
    for (let length = 1; length < 40; length++) {
      const text = printable('a🚀\u{e0061}\ud800é\udc00b'.repeat(4), length);
      expect(text.isWellFormed()).toBe(true);
      expect(text.length).toBeLessThanOrEqual(length);
    }
  });

  it('looks no further into endless text than it shows', () => {
    expect(printable(`x${'\u202e'.repeat(10_000_000)}`, 20)).toBe('x\\u{202e}\\u{202e}…');
  });
});

describe('printableJson', () => {
  it('is the JSON of the same value, for every code point', () => {
    let all = '';
    for (let code = 0; code < ALL; code++) all += String.fromCodePoint(code, 0x20);
    const json = printableJson(JSON.stringify({ all }));
    expect(JSON.parse(json)).toEqual({ all });
    expect(printable(json) === json).toBe(true);
  });
});

describe('a span of a hop', () => {
  let telemetry: Telemetry;
  beforeAll(() => {
    telemetry = startTelemetry();
  });
  afterEach(() => telemetry.reset());
  afterAll(() => telemetry.shutdown());

  const hostile = 'x\u001b[2J\u202e\u{e0061}\u009b';
  const shown = 'x\\u{1b}[2J\\u{202e}\\u{e0061}\\u{9b}';
  const settings = hopSettings({ lineage: false }, { name: '@throughline/test', version: '1.0.0' });
  const attributes = Object.freeze({ 'user_agent.original': hostile, list: ['a', hostile], count: 1 });
  const expected = { 'user_agent.original': shown, list: ['a', shown], count: 1 };

  it('says nothing that is not printable: its name and attributes, at the start and at the end', () => {
    const target = { transport: 'test', channel: 'host', host: 'localhost' } as const;
    const sending = startOutbound(
      { transport: 'test', name: `call ${hostile}`, kind: SpanKind.CLIENT, target, attributes },
      settings,
    );
    sending.end();
    const received = startInbound(
      { transport: 'test', name: 'start', kind: SpanKind.SERVER, carrier: {}, reader: messageHeaders, attributes },
      settings,
    );
    received.end({ name: `end ${hostile}`, attributes: { late: hostile } });
    expect(telemetry.find(`call ${shown}`).attributes).toEqual(expected);
    expect(telemetry.find(`end ${shown}`).attributes).toEqual({ ...expected, late: shown, 'throughline.calls': 0 });
  });

  it('records an exception as what is printable of it, on as many lines', () => {
    const end = (error: unknown): Record<string, unknown> => {
      startInbound(
        { transport: 'test', name: 'work', kind: SpanKind.SERVER, carrier: {}, reader: messageHeaders },
        settings,
      ).end({ error });
      return { ...telemetry.spans().at(-1)?.events[0]?.attributes };
    };
    const { 'exception.stacktrace': stack, ...event } = end(new TypeError(`one\n${hostile}`));
    expect(event).toEqual({ 'exception.type': 'TypeError', 'exception.message': `one\n${shown}` });
    expect(String(stack).split('\n').length).toBeGreaterThan(2);
    expect(stack).toContain(shown);
    expect(end(new RangeError('plain'))).toMatchObject({ 'exception.message': 'plain' });
  });
});

import { readFileSync } from 'node:fs';
import { context, SpanKind, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import {
  currentLineage,
  isLineageError,
  joinTraces,
  resumeTrace,
  saveTrace,
  spendBudget,
  withAttempt,
  withBudget,
  W3CPropagator,
} from '@throughline/core';
import type { Budget, HopOptions, LineageEvent } from '@throughline/core';
import { hopSettings, messageHeaders, receive, refusedSpending, send, startOutbound } from '@throughline/core/adapter';
import { formatLineage, LINEAGE_KEY, parseLineage } from '../src/lineage/codec.ts';
import type { LineageFields } from '../src/lineage/codec.ts';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const question = 'What holds?';
const PRICE = 0.000_002;
const askModel = async (asked: string) => ({ text: `of ${asked}`, usage: { total_tokens: 700 } });

type Fields = Readonly<Record<string, string>>;
const settings = (options?: HopOptions) => hopSettings(options, { name: '@throughline/test', version: '1.0.0' });
const enforce = settings({ lineage: { mode: 'enforce' } });
const leaving = {
  transport: 'test',
  name: 'send',
  kind: SpanKind.PRODUCER,
  target: { transport: 'test', channel: 'broker' },
} as const;

/** Runs `fn` in an inbound hop that brings these fields. */
const arrive = <T>(fields: Fields, fn: () => T, options?: HopOptions): T =>
  receive(
    { transport: 'test', name: 'receive', kind: SpanKind.CONSUMER, carrier: fields, reader: messageHeaders },
    fn,
    settings(options),
  );
const brought = (member: string): Fields => ({ baggage: `${LINEAGE_KEY}=${member}` });
const memberOf = (fields: Fields): string | undefined =>
  /throughline\.lineage=([^,]*)/.exec(fields['baggage'] ?? '')?.[1];
const sent = (): string | undefined => memberOf(send(leaving, (fields) => fields, settings()));
const left = () => {
  const { budget, tokens, cost } = currentLineage() ?? {};
  return { calls: budget, tokens, cost };
};

const upTo = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: undefined });
const hash = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((number) => number.toString(36));
const lineages: fc.Arbitrary<LineageFields> = fc.record({
  hops: fc.integer({ min: 0, max: 999_999_999 }),
  maxHops: fc.integer({ min: 0, max: 999_999_999 }),
  attempt: fc.integer({ min: 1, max: 999_999_999 }),
  deadline: upTo(36 ** 9 - 1),
  budget: upTo(999_999_999),
  path: fc.array(hash, { maxLength: 8 }).map((hashes) => hashes.join('~')),
  tokens: upTo(999_999_999),
  cost: upTo(999_999_999_999_999),
});

/** What the first version of the codec read, as it was: its fields, whatever follows in a later version. */
function readByFirstVersion(text: string): string[] | undefined {
  const parts = text.split('.', 8);
  return Number(parts[0]) < 1 || parts.length < 7 || (parts[0] === '1' && parts.length > 7)
    ? undefined
    : parts.slice(1, 7);
}

describe('the member', () => {
  it('comes back as it was, in under 200 bytes', () => {
    fc.assert(
      fc.property(lineages, (lineage) => {
        const text = formatLineage(lineage);
        expect(parseLineage(text)).toEqual(lineage);
        expect(`${LINEAGE_KEY}=${text}`.length).toBeLessThan(200);
      }),
    );
  });

  it('is of the first version where no tokens and no money are limited, and its fields are read by who knows that alone', () => {
    fc.assert(
      fc.property(lineages, (lineage) => {
        const text = formatLineage(lineage);
        const first = formatLineage({ ...lineage, tokens: undefined, cost: undefined });
        expect(text.startsWith('1.')).toBe(lineage.tokens === undefined && lineage.cost === undefined);
        expect(readByFirstVersion(text)).toEqual(readByFirstVersion(first));
      }),
    );
  });

  it('is read or not, and never throws, whatever the text', () => {
    const field = fc.oneof(
      fc.nat().map(String),
      fc.constantFrom('-', '', '1e3', '-1', 'NaN', '9'.repeat(16)),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 11 }), (fields) => {
        const read = parseLineage(fields.join('.'));
        if (read === undefined) return;
        for (const amount of [read.tokens, read.cost]) {
          expect(amount === undefined || (Number.isSafeInteger(amount) && amount >= 0)).toBe(true);
        }
      }),
    );
  });

  test.each([
    ['1.3.32.1.-.-.-.7', 'of the first version with more fields'],
    ['2.3.32.1.-.-.-', 'of the second with those of the first'],
    ['2.3.32.1.-.-.-.7', 'of the second without one'],
    ['2.3.32.1.-.-.-.7.-.9', 'of the second with one more'],
    ['2.3.32.1.-.-.-.x.-', 'with tokens that are none'],
    ['2.3.32.1.-.-.-.-.0.5', 'with a fraction'],
    ['2.3.32.1.-.-.-.-.-1', 'with money below zero'],
    ['2.3.32.1.-.-.-.1000000000.-', 'with more tokens than there are'],
  ])('%s is none: %s', (text) => {
    expect(parseLineage(text)).toBeUndefined();
  });

  it('of a later version says what those known say', () => {
    expect(parseLineage('3.3.32.1.-.-.-.7.250000.what.is.new')).toMatchObject({ hops: 3, tokens: 7, cost: 250_000 });
  });
});

describe('withBudget', () => {
  it('shows and sends what is left, and takes a number as calls', () => {
    withBudget({ calls: 20, tokens: 5000, cost: 0.25 }, () => {
      expect(left()).toEqual({ calls: 20, tokens: 5000, cost: 0.25 });
      expect(sent()).toMatch(/^2\.1\.\d+\.1\.-\.2\.-\.5000\.250000$/);
      expect(spendBudget({ tokens: 1200, cost: 0.07 })).toBeUndefined();
      expect(left()).toMatchObject({ tokens: 3800, cost: 0.18 });
      expect(sent()).toMatch(/\.3800\.180000$/);
    });
    withBudget(7, () => expect(left()).toEqual({ calls: 7, tokens: undefined, cost: undefined }));
    expect(withBudget({ tokens: 5 }, sent)).toMatch(/^2\..*\.-\.5\.-$/);
    expect(withBudget({ cost: 5 }, sent)).toMatch(/^2\..*\.-\.-\.5000000$/);
  });

  it('is drawn on with every budget around it, and the least of them counts', async () => {
    await withBudget({ tokens: 1000 }, async () => {
      await Promise.all(
        [600, 300].map((tokens) =>
          withBudget({ tokens: 5000, cost: 1 }, async () => {
            await Promise.resolve();
            spendBudget({ tokens, cost: 0.4 });
            expect(left().cost).toBe(0.6);
          }),
        ),
      );
      expect(left()).toMatchObject({ tokens: 100, cost: undefined });
      withBudget({ tokens: 500 }, () => expect(left().tokens).toBe(100));
      withBudget({ tokens: 10 }, () => {
        expect(left().tokens).toBe(10);
        withAttempt(2, () => expect(spendBudget({ tokens: 10 })).toBe('tokens'));
        expect(left().tokens).toBe(0);
      });
      expect(left().tokens).toBe(90);
    });
  });

  it('counts money in fractions of a millionth, and three tenths less three times a tenth is nothing', () => {
    withBudget({ cost: 0.3 }, () => {
      for (let time = 0; time < 2; time++) expect(spendBudget({ cost: 0.1 })).toBeUndefined();
      expect(spendBudget({ cost: 0.1 })).toBe('cost');
      expect(left().cost).toBe(0);
    });
    withBudget({ cost: 0.000_002 }, () => {
      for (let time = 0; time < 5; time++) expect(spendBudget({ cost: 0.000_000_2 })).toBeUndefined();
      expect(left().cost).toBe(0.000_001);
    });
  });

  it('is never spent below nothing, nor grown by what is no amount', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ tokens: fc.anything(), cost: fc.anything() })), (spent) => {
        withBudget({ tokens: 1000, cost: 1 }, () => {
          let before = left();
          for (const one of spent) {
            spendBudget(one as Budget);
            const now = left();
            expect(now.tokens).toBeGreaterThanOrEqual(0);
            expect(now.tokens).toBeLessThanOrEqual(before.tokens ?? Number.NaN);
            expect(now.cost).toBeGreaterThanOrEqual(0);
            expect(now.cost).toBeLessThanOrEqual(before.cost ?? Number.NaN);
            before = now;
          }
        });
      }),
    );
    withBudget({ tokens: 9 }, () => {
      for (const tokens of [Number.NaN, -1, Infinity, '3', null]) spendBudget({ tokens: tokens as number });
      expect(left().tokens).toBe(9);
    });
  });

  test.each([
    -1,
    1.5,
    '5',
    null,
    undefined,
    {},
    [],
    { calls: -1 },
    { tokens: 0.5 },
    { cost: -1 },
    { cost: Number.NaN },
    { cost: 1e9 },
    { token: 5 },
  ])('%j is refused with the fix', (budget) => {
    expect(() => withBudget(budget as Budget, () => 1)).toThrow(
      /takes a number of calls, or \{ calls, tokens, cost \}/,
    );
  });

  it('spends nothing where there is none', () => {
    expect(spendBudget({ tokens: 5 })).toBeUndefined();
    expect(arrive({}, () => spendBudget({ tokens: 5 }))).toBeUndefined();
  });
});

test('the program in the README runs, and is what the README shows', async () => {
  const spentBy = async (): Promise<void> => {
    // #region readme
    const options: HopOptions = { lineage: { mode: 'enforce' } };
    const answer = await withBudget({ calls: 20, tokens: 50_000, cost: 0.25 }, async () => {
      const { text, usage } = await askModel(question);
      spendBudget({ tokens: usage.total_tokens, cost: usage.total_tokens * PRICE });
      return text;
    });
    // #endregion
    expect(answer).toBe('of What holds?');
    expect(settings(options).lineage?.enforce).toBe(true);
  };
  await withBudget({ tokens: 1000, cost: 1 }, async () => {
    await spentBy();
    expect(left()).toMatchObject({ tokens: 300, cost: 0.9986 });
  });
  const here = readFileSync(import.meta.filename, 'utf8');
  const shown = /#region readme\n([^]*?)^ +\/\/ #endregion$/m.exec(here)?.[1]?.replaceAll(/^ {4}/gm, '');
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(shown);
});

describe('along a chain', () => {
  it('each receiver has what was left when it was called; what it spends is not told back', () => {
    withBudget({ tokens: 1000, cost: 1 }, () => {
      const fields = send(leaving, (given) => given, settings());
      arrive(fields, () => {
        spendBudget({ tokens: 900, cost: 0.5 });
        expect(left()).toMatchObject({ tokens: 100, cost: 0.5 });
        arrive(
          send(leaving, (given) => given, settings()),
          () => expect(left()).toMatchObject({ tokens: 100, cost: 0.5 }),
        );
      });
      expect(left()).toMatchObject({ tokens: 1000, cost: 1 });
    });
  });

  it('a receiver tightens what it is given, and never widens it', () => {
    const own = (budget: Budget) => arrive(brought('2.1.32.1.-.50.-.700.250000'), left, { lineage: { budget } });
    expect(own({ calls: 9, tokens: 90, cost: 0.1 })).toEqual({ calls: 9, tokens: 90, cost: 0.1 });
    expect(own({ calls: 90, tokens: 9000, cost: 9 })).toEqual({ calls: 50, tokens: 700, cost: 0.25 });
    expect(arrive(brought('1.1.32.1.-.-.-'), left, { lineage: { budget: { tokens: 5 } } })).toMatchObject({
      tokens: 5,
    });
    expect(arrive({}, left, { lineage: { budget: { cost: 5 } } })).toMatchObject({ cost: 5 });
    expect(() => settings({ lineage: { budget: { tokens: -1 } } })).toThrow(
      /`lineage.budget` takes a whole number from 0, of calls, or/,
    );
  });

  it('goes where trace context goes: to third parties, into handles, through a propagator; not into what joins', () => {
    const member = brought('2.4.32.1.-.-.abc.700.250000');
    arrive(member, () => {
      spendBudget({ tokens: 100 });
      const stranger = startOutbound(leaving, settings({ firstParty: false }));
      stranger.end();
      expect(memberOf((stranger as { fields: Fields }).fields)).toBe('2.5.32.1.-.-.-.600.250000');
      resumeTrace(saveTrace(), 'resumed', () => expect(left()).toMatchObject({ tokens: 600, cost: 0.25 }));
      const carrier: Record<string, string> = {};
      new W3CPropagator().inject(context.active(), carrier, { set: (into, key, value) => (into[key] = value) });
      expect(memberOf(carrier)).toBe('2.4.32.1.-.-.abc.600.250000');
      joinTraces('merge', [], () => expect(left().tokens).toBe(600));
    });
    const branch = arrive(member, () => context.active());
    joinTraces('merge', [branch], () => expect(left().tokens).toBeUndefined());
  });
});

describe('a budget that is spent', () => {
  const exceeded = (reason: string) => [
    { name: 'throughline.lineage.exceeded', attributes: { 'throughline.lineage.reason': reason } },
  ];

  it('is observed: an event on the span of the call that asked for more than was left, and on each hop after it', () => {
    const events: LineageEvent[] = [];
    const told = settings({ lineage: { onLineage: (event) => events.push(event) } });
    withBudget({ tokens: 100, cost: 1 }, () => {
      for (const tokens of [60, 40, 1]) {
        trace.getTracer('test').startActiveSpan(`model ${tokens}`, (span) => {
          expect(spendBudget({ tokens })).toBe(tokens === 60 ? undefined : 'tokens');
          span.end();
        });
      }
      send(leaving, () => undefined, told);
    });
    expect(telemetry.find('model 60').events).toEqual([]);
    expect(telemetry.find('model 40').events).toEqual([]);
    expect(telemetry.find('model 1').events).toMatchObject(exceeded('tokens'));
    expect(telemetry.find('send').events).toMatchObject(exceeded('tokens'));
    expect(events).toMatchObject([{ reason: 'tokens', refused: false, lineage: { tokens: 0, cost: 1 } }]);
  });

  it.each(['tokens', 'cost'] as const)(
    'of %s, under enforce, refuses the next hop before it is sent, and the span says why',
    (kind) => {
      withBudget({ tokens: 100, cost: 1 }, () => {
        send(leaving, () => undefined, enforce);
        expect(spendBudget({ [kind]: 100 })).toBe(kind);
        const failure = (() => {
          try {
            return send(leaving, () => 'sent', enforce);
          } catch (error) {
            return error;
          }
        })();
        expect(isLineageError(failure)).toBe(true);
        expect(failure).toMatchObject({ reason: kind, message: expect.stringMatching(/is spent|are spent/) as string });
        // What answers, settles or notifies is no new work.
        expect(send({ ...leaving, reply: true, messages: 0 }, () => 'sent', enforce)).toBe('sent');
      });
      const [, refused] = telemetry.spans();
      expect(refused?.attributes['error.type']).toBe(`throughline.${kind}`);
      expect(refused?.events).toMatchObject(exceeded(kind));
    },
  );

  it('answers still: a reply is past no budget', () => {
    arrive(brought('2.2.32.1.-.-.-.0.-'), () =>
      expect(send({ ...leaving, reply: true }, () => 'sent', enforce)).toBe('sent'),
    );
  });

  it('refuses a call that is no hop where lineage is enforced, and shows it where it is observed', () => {
    const call = { transport: 'model', name: 'chat gpt-9' };
    const events: LineageEvent[] = [];
    const observe = settings({ lineage: { onLineage: (event) => events.push(event) } });
    trace.getTracer('test').startActiveSpan('chat gpt-9', (span) => {
      expect(refusedSpending(call, span, enforce)).toBeUndefined();
      withBudget({ cost: 0 }, () => {
        expect(refusedSpending(call, span, observe)).toBeUndefined();
        expect(refusedSpending(call, span, settings({ lineage: false }))).toBeUndefined();
        const error = refusedSpending(call, span, enforce);
        expect(error).toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'cost', lineage: { cost: 0 } });
      });
      span.end();
    });
    expect(telemetry.find('chat gpt-9').events).toMatchObject([...exceeded('cost'), ...exceeded('cost')]);
    expect(events).toMatchObject([{ reason: 'cost', refused: false, transport: 'model', name: 'chat gpt-9' }]);
  });
});

import { checkChains } from '@throughline/verify';
import { describe, expect, it } from 'vitest';
import { captures } from '../src/captures.ts';
import { campaign } from '../src/mutations/campaign.ts';
import { familyOf } from '../src/mutations/family.ts';
import { without } from '../src/mutations/drops.ts';

const COUNT = 2000;

describe('sound captures, changed at random', () => {
  // The same in each run. The nightly script draws a seed of its own.
  it.each([1, 2, 3, 4])('what must be found is found, and no more: seed %i', { timeout: 60_000 }, (seed) => {
    const failures = campaign(seed, 0, COUNT / 4).map(({ before: _before, after: _after, ...told }) => told);
    expect(failures).toEqual([]);
  });

  it('a checker that finds nothing, or too much, would be told', () => {
    const capture = captures.find(({ name }) => name === 'http-three-requests');
    const family = familyOf(capture?.spans ?? []);
    const [inner] = family.spans.filter((span) => span.kind === 'SERVER' && span.parentSpanId !== undefined);
    const { must, may } = without(family, new Set([`${inner?.traceId}/${inner?.spanId}`]));
    expect(must).toEqual([
      { codes: ['orphan'], to: inner?.service },
      { codes: ['orphan'], to: inner?.service },
    ]);
    expect(may).toEqual([]);
  });
});

describe('of one capture, changed by hand', () => {
  const capture = captures.find(({ name }) => name === 'kafkajs-each-batch-only-sdk3');
  const polls = (capture?.spans ?? []).filter(({ kind, name }) => kind === 'CLIENT' && name.startsWith('poll'));

  it('a span that links is an orphan all the same where its own process dropped its parent', () => {
    expect(polls.length).toBeGreaterThan(0);
    const rest = (capture?.spans ?? []).filter((span) => !polls.includes(span));
    expect(checkChains(rest).findings.map(({ code, boundary }) => [code, boundary?.to])).toContainEqual([
      'orphan',
      'analyst',
    ]);
  });

  it('a service that is missed, and that others were seen to call, is named', () => {
    const spans = captures.find(({ name }) => name === 'http-three-requests')?.spans ?? [];
    const services = ['gateway', 'planner', 'library'];
    const { verdict, findings } = checkChains(
      spans.filter(({ service }) => service !== 'library'),
      { services },
    );
    expect(verdict).toBe('broken');
    expect(findings.map(({ boundary }) => [boundary?.from, boundary?.to])).toEqual([['planner', 'library']]);
  });
});

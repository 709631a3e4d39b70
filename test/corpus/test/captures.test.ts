import { checkChains } from '@throughline/verify';
import type { ChainFinding } from '@throughline/verify';
import { describe, expect, it } from 'vitest';
import { captures } from '../src/captures.ts';
import type { Fault } from '../src/captures.ts';

// The corpus has names of its own for what the checker calls by the same words elsewhere.
const codes: Readonly<Record<string, string>> = {
  'merged-traces': 'endless-trace',
  'orphan-local': 'orphan',
  'duplicate-ids': 'duplicate-span',
};

function isAbout({ code, boundary }: ChainFinding, fault: Fault): boolean {
  const says = (what: string | null, said: string | undefined): boolean => what === null || what === said;
  const itself =
    code === (codes[fault.kind] ?? fault.kind) &&
    says(fault.from, boundary?.from) &&
    says(fault.to, boundary?.to) &&
    says(fault.transport, boundary?.transport) &&
    // The name of a span that was never exported is nowhere in the capture.
    (code === 'orphan' || says(fault.over, boundary?.over));
  return itself || (fault.or ?? []).some((other) => isAbout({ code, boundary } as ChainFinding, other));
}

/** What the checker is known to get wrong. The target is none. */
const knownWrong: readonly string[] = [];

const told = captures.filter(({ name, expected }) => expected.hard !== true && !knownWrong.includes(name));

describe('of the corpus', () => {
  it('there is as much as there was', () => {
    expect(captures.length).toBeGreaterThanOrEqual(115);
    expect(told.filter(({ expected }) => expected.verdict === 'broken').length).toBeGreaterThanOrEqual(25);
  });

  it.each(told)('$name is judged right, and nothing else is said of it', ({ spans, expected }) => {
    const report = checkChains(spans, { services: expected.captured, ...expected.options });
    const errors = report.findings.filter(({ severity }) => severity === 'error');
    expect(report.verdict, errors.map(({ message }) => message).join('\n')).toBe(expected.verdict);
    for (const fault of expected.faults)
      expect(
        errors.some((error) => isAbout(error, fault)),
        JSON.stringify(errors),
      ).toBe(true);
    expect(errors).toHaveLength(expected.faults.length);
    const warned = report.findings.filter(({ severity }) => severity === 'warning');
    expect(warned.map(({ code, boundary }) => ({ kind: code, from: boundary?.from, to: boundary?.to }))).toEqual(
      expected.warnings ?? [],
    );
  });

  it.each(captures)('$name is judged as the same, in whatever order, and sent twice', ({ spans, expected }) => {
    const options = { services: expected.captured, ...expected.options };
    const codesOf = (list: typeof spans) =>
      checkChains(list, options)
        .findings.map(({ code }) => code)
        .sort();
    expect(codesOf([...spans].reverse())).toEqual(codesOf(spans));
    expect(codesOf([...spans, ...spans])).toEqual(codesOf(spans));
  });
});

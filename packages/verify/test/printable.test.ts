import { expect, test } from 'vitest';
import { printable as printableOfCore } from '../../core/src/printable.ts';
import { type CollectedSpan, checkChains, renderTree, renderVerdict } from '../src/index.ts';
import { printable } from '../src/printable.ts';
import { desk, deskWithout, span } from './desk.ts';

test("what is printable is one rule, this package's and core's, over all of Unicode", () => {
  for (let code = 0; code < 0x110000; code++) {
    const text = String.fromCodePoint(code);
    if (printable(text) !== printableOfCore(text)) expect.fail(`U+${code.toString(16)} comes out in two ways`);
  }
});

test('text is cut as core cuts it, and never within a character', () => {
  for (let length = 150; length < 170; length++) {
    for (const end of ['🚀🚀🚀🚀', '\u202eb', '\u{e0061}', 'plain text', '']) {
      const text = 'x'.repeat(length) + end;
      expect(printable(text)).toBe(printableOfCore(text, 160));
    }
  }
});

/** Hostile text in every place of a span that is shown, or could be. */
function hostile(spans: readonly CollectedSpan[]): CollectedSpan[] {
  const mark = '\u001b]0;x\u0007\u202e\u200b\u{e0061}\u009b\u2028\r\n\ud800';
  return spans.map((each) => {
    const attributes = Object.fromEntries(
      Object.entries(each.attributes).map(([key, value]) => [key, typeof value === 'string' ? value + mark : value]),
    );
    return {
      ...each,
      name: each.name + mark,
      service: each.service + mark,
      attributes: { ...attributes, 'error.type': mark },
      status: { code: 'ERROR', message: mark },
      links: [...each.links, { traceId: mark, spanId: mark, attributes: {} }],
    };
  });
}

test.each([
  ['one trace', desk()],
  ['orphans', deskWithout(3, 5, 7)],
  [
    'several roots and a trace without one',
    [...desk(), span(30, undefined), span(31, 99, { traceId: 'a'.repeat(32) })],
  ],
  ['loops', [span(1, 2), span(2, 1), span(3, 3)]],
])('nothing from outside reaches a terminal as it is: %s', (_, spans) => {
  const report = checkChains(hostile(spans));
  const texts = [renderTree(report), renderVerdict(report), ...report.findings.map(({ message }) => message)];
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  }
  expect(renderTree(report).split('\n')).toHaveLength(spans.length + 2 * report.trees.length - 1);
  expect(renderVerdict(report).split('\n')).toHaveLength(report.findings.length + 1);
});

import { describe, expect, test } from 'vitest';
import { cutPassages } from '../src/passages.ts';
import { quote } from '../src/quote.ts';

const markdown = `# Title

First paragraph,
on two lines.

## Part \`two\`
- **one** [item](there.md)
- another
  that goes on

\`\`\`
const code = 'quoted';
\`\`\`
| name | meaning |
|---|---|
| hop | one crossing |
`;

describe('passages', () => {
  test('of Markdown are paragraphs, items and rows under their heading, with their lines; fenced code is none', () => {
    expect(cutPassages('a.md', markdown)).toEqual([
      { line: 3, last: 4, kind: 'prose', heading: 'Title', text: 'First paragraph, on two lines.' },
      { line: 7, last: 7, kind: 'prose', heading: 'Part two', text: 'one item' },
      { line: 8, last: 9, kind: 'prose', heading: 'Part two', text: 'another that goes on' },
      { line: 14, last: 14, kind: 'prose', heading: 'Part two', text: 'name: meaning' },
      { line: 16, last: 16, kind: 'prose', heading: 'Part two', text: 'hop: one crossing' },
    ]);
  });

  test('of source are docstrings, without their examples, under what they describe', () => {
    const source = `const a = 1;
/**
 * Returns a hop.
 * Never throws.
 */
export function startHop(): void {}
/**
 * Ends it.
 *
 * \`\`\`ts
 * endHop();
 * \`\`\`
 */
export const endHop = () => {};`;
    expect(cutPassages('a.ts', source)).toEqual([
      { line: 2, last: 5, kind: 'docstring', heading: 'startHop', text: 'Returns a hop. Never throws.' },
      { line: 7, last: 9, kind: 'docstring', heading: 'endHop', text: 'Ends it.' },
    ]);
  });

  test('of tests are their names under those of their groups', () => {
    const source = [
      `describe('a queue', () => {`,
      `  describe.each(flavors)('of %s', (flavor) => {`,
      `    test('keeps "order"', () => {});`,
      `  });`,
      `  it.skipIf(none)('ends', async () => {});`,
      `});`,
    ].join('\n');
    expect(cutPassages('a.test.ts', source).map(({ line, heading, text }) => [line, heading, text])).toEqual([
      [3, 'a queue › of %s', 'keeps "order"'],
      [5, 'a queue', 'ends'],
    ]);
  });

  test('of other files are none', () => {
    expect(cutPassages('package.json', '{}')).toEqual([]);
  });
});

describe('a quote', () => {
  const lines = ['/**', ' * Starts nothing. Policies of the', ' * boundary decide. Hops carry it.', ' */'];

  test('is the sentence with most of the terms, and says on which line that begins', () => {
    expect(quote(lines, 'Hops', ['policy', 'boundary'])).toEqual({
      offset: 1,
      text: 'Policies of the boundary decide.',
    });
  });

  test('goes on with the next sentence when that has a term too', () => {
    expect(quote(lines, 'Hops', ['policy', 'boundary', 'hop'])?.text).toBe(
      'Policies of the boundary decide. Hops carry it.',
    );
  });

  test('is the first sentence where only the heading has a term', () => {
    expect(quote(lines, 'On retries', ['retry'])).toEqual({ offset: 1, text: 'Starts nothing.' });
  });

  test('is none where no term stands', () => {
    expect(quote(lines, 'Hops', ['kafka'])).toBeUndefined();
  });

  test('is cut at a word past 320 characters', () => {
    const text = quote(['context '.repeat(60)], '', ['context'])?.text ?? '';
    expect(text.length).toBeLessThanOrEqual(322);
    expect(text).toMatch(/context …$/);
  });
});

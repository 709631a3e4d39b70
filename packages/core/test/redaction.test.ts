import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redactQuery, urlFull } from '../src/http/redaction.ts';

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/#url-full
describe('url.full', () => {
  test.each([
    ['https://www.example.com/path?q=1#part', 'https://www.example.com/path?q=1#part'],
    ['https://user:secret@www.example.com/', 'https://REDACTED:REDACTED@www.example.com/'],
    ['https://user@www.example.com/', 'https://REDACTED:REDACTED@www.example.com/'],
    ['https://www.example.com/@home?sig=secret', 'https://www.example.com/@home?sig=REDACTED'],
    ['https://x/?color=blue&sig=secret&d=1', 'https://x/?color=blue&sig=REDACTED&d=1'],
    ['https://x/?AWSAccessKeyId=secret&Signature=secret', 'https://x/?AWSAccessKeyId=REDACTED&Signature=REDACTED'],
    ['https://x/?X-Goog-Signature=secret#f', 'https://x/?X-Goog-Signature=REDACTED#f'],
    [
      'https://x/?X-Amz-Credential=secret&X-Amz-Signature=secret',
      'https://x/?X-Amz-Credential=REDACTED&X-Amz-Signature=REDACTED',
    ],
    ['https://x/?X-Amz-Security-Token=secret', 'https://x/?X-Amz-Security-Token=REDACTED'],
    ['https://x/?sig=secret=and=more&sig=secret', 'https://x/?sig=REDACTED&sig=REDACTED'],
    // Keys compare by case, an empty value has nothing to hide, and a fragment is no query.
    ['https://x/?SIG=1&sig=&sig', 'https://x/?SIG=1&sig=&sig'],
    ['https://x/#?sig=1', 'https://x/#?sig=1'],
    ['https://x/?&&=&a', 'https://x/?&&=&a'],
  ])('of %s', (href, full) => {
    expect(urlFull(new URL(href))).toBe(full);
  });

  test('never holds the value of a signing key, whatever is around it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'sig', '=', '&', '?', '#', '%', 'é') });
    fc.assert(
      fc.property(text, text, (before, after) => {
        const path = `/${before.replace(/[#]/g, '')}?${after.replace(/[#]/g, '')}&sig=hidden&end=1`;
        const redacted = redactQuery(path);
        expect(redacted).toContain('sig=REDACTED&end=1');
        expect(redacted).not.toContain('hidden');
        expect(redactQuery(redacted)).toBe(redacted);
      }),
    );
  });
});

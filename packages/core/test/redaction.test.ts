import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { urlRedaction } from '../src/http/redaction.ts';

const redact = urlRedaction(undefined);

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/#url-full
describe('of a URL is shown', () => {
  test.each([
    // What the conventions name.
    ['https://www.example.com/path?q=1#part', 'https://www.example.com/path?q=1#part'],
    ['https://user:secret@www.example.com/', 'https://REDACTED:REDACTED@www.example.com/'],
    ['https://user@www.example.com/', 'https://REDACTED:REDACTED@www.example.com/'],
    ['https://www.example.com/@home?sig=secret', 'https://www.example.com/@home?sig=REDACTED'],
    ['https://x/?color=blue&sig=secret&d=1', 'https://x/?color=blue&sig=REDACTED&d=1'],
    ['https://x/?AWSAccessKeyId=secret&Signature=secret', 'https://x/?AWSAccessKeyId=REDACTED&Signature=REDACTED'],
    ['https://x/?X-Goog-Signature=secret#f', 'https://x/?X-Goog-Signature=REDACTED#f'],
    [
      'https://x/?X-Amz-Credential=s&X-Amz-Signature=s',
      'https://x/?X-Amz-Credential=REDACTED&X-Amz-Signature=REDACTED',
    ],
    ['https://x/?X-Amz-Security-Token=secret', 'https://x/?X-Amz-Security-Token=REDACTED'],
    ['https://x/?sig=secret=and=more&sig=secret', 'https://x/?sig=REDACTED&sig=REDACTED'],
    // An empty value has nothing to hide.
    ['https://x/?sig=&sig', 'https://x/?sig=&sig'],
    ['https://x/?&&=&a', 'https://x/?&&=&a'],
    // Words that only look like it, and values that a reader needs.
    ['https://x/monkey?sort_key=a&max_tokens=5&state=open', 'https://x/monkey?sort_key=a&max_tokens=5&state=open'],
    ['/mail/joe@example.com?to=joe@example.com', '/mail/joe@example.com?to=joe@example.com'],
    // However the key is written.
    ['/?API_KEY=s&api-key=s&apiKey=s', '/?API_KEY=REDACTED&api-key=REDACTED&apiKey=REDACTED'],
    ['/?%61pi%5Fkey=s&%2561pi_key=s&ap%69k%65y=s', '/?%61pi%5Fkey=REDACTED&%2561pi_key=REDACTED&ap%69k%65y=REDACTED'],
    ['/?user[password]=s&token%5B0%5D=s', '/?user[password]=REDACTED&token%5B0%5D=REDACTED'],
    // However the parameters are put apart; in doubt more goes than has to.
    ['/a?b=1;token=s', '/a?b=1;token=REDACTED'],
    ['/a?password=one;two&c=3', '/a?password=REDACTED&c=3'],
    ['/a;jsessionid=s/b;v=1?c=3', '/a;jsessionid=REDACTED/b;v=1?c=3'],
    ['/a?b?token=s', '/a?b?token=REDACTED'],
    // Fragments: OAuth's implicit flow, and routers that keep their route there.
    ['https://x/#access_token=s&token_type=bearer', 'https://x/#access_token=REDACTED&token_type=bearer'],
    ['https://x/#/callback?id_token=s', 'https://x/#/callback?id_token=REDACTED'],
    // A URL in a URL.
    ['/login?next=http://x:y@z/', '/login?next=http://REDACTED:REDACTED@z/'],
    ['/login?next=%2Fcallback%3Fcode%3Ds%26a%3D1&b=2', '/login?next=%2Fcallback%3Fcode%3DREDACTED&b=2'],
    ['/?next=http%3A%2F%2Fx%3Ay%40z%2F', '/?next=http%3A%2F%2FREDACTED:REDACTED%40z%2F'],
    ['/proxy/https%3A%2F%2Fz%2F%3Ftoken%3Ds/b', '/proxy/https%3A%2F%2Fz%2F%3Ftoken%3DREDACTED/b'],
    // Userinfo that pretends to be a parameter.
    ['//a:s;token=s@z/b', '//REDACTED/b'],
    ['/?next=//a:s;token=s@z/b&c=1', '/?next=//REDACTED&c=1'],
    // What is no escape.
    ['/?%=1&%2=1&%zz=1&%25=1&a=%&sig%', '/?%=1&%2=1&%zz=1&%25=1&a=%&sig%'],
    ['', ''],
    ['*', '*'],
  ])('%s as %s', (url, shown) => {
    expect(redact(url)).toBe(shown);
    expect(redact(shown)).toBe(shown);
  });

  test.each(
    [
      ['access_token', 'refresh_token', 'id_token', 'token', 'auth_token', 'csrf_token', 'jwt', 'bearer', 'code'],
      ['code_verifier', 'client_secret', 'client_assertion', 'SAMLResponse', 'secret', 'password', 'passwd', 'pwd'],
      ['new_password', 'password2', 'passphrase', 'otp', 'key', 'apikey', 'api_key', 'x-api-key', 'access_key'],
      ['private_key', 'subscription-key', 'consumer_key', 'auth', 'authorization', 'authentication', 'credentials'],
      ['session', 'session_id', 'sid', 'PHPSESSID', 'connect.sid', 'cookie', 'csrf', '_xsrf', 'sign', 'signature'],
      ['hmac', 'sig', 'X-Goog-Credential', 'x-amz-security-token'],
    ].flat(),
  )('no value of %s', (key) => {
    expect(redact(`/?a=1&${key}=hidden&b=2`)).toBe(`/?a=1&${key}=REDACTED&b=2`);
  });

  test('what `redactQueryKeys` adds: names and wildcards in any letter case, and regular expressions', () => {
    const more = urlRedaction(['e-mail', 'Patient*', /^ssn$/i, /Id$/]);
    expect(more('/?E-Mail=a&patient_name=b&SSN=c&userId=d&emailed=e&sig=f')).toBe(
      '/?E-Mail=REDACTED&patient_name=REDACTED&SSN=REDACTED&userId=REDACTED&emailed=e&sig=REDACTED',
    );
    expect(more('/?%65-mail=a')).toBe('/?%65-mail=REDACTED');
    // @ts-expect-error -- a wrong option
    expect(() => urlRedaction('email')).toThrow('`redactQueryKeys` takes a list');
    // @ts-expect-error -- a wrong option
    expect(() => urlRedaction([1])).toThrow('`redactQueryKeys` takes');
  });
});

describe('whatever is around it', () => {
  const noise = fc.string({
    unit: fc.constantFrom(
      'a',
      'sig',
      'token',
      '=',
      '&',
      ';',
      '?',
      '#',
      '%',
      '%25',
      '%3D',
      '%26',
      '/',
      '@',
      ':',
      'é',
      '\ud800',
    ),
  });
  /** A key with some of its letters in upper case, and some percent-encoded once or more often. */
  const written = fc
    .tuple(
      fc.constantFrom('api_key', 'token', 'password', 'sig', 'client_secret', 'X-Amz-Signature'),
      fc.array(fc.nat(5), { minLength: 20, maxLength: 20 }),
    )
    .map(([key, how]) =>
      Array.from(key, (letter, at) => {
        const escape = `${'25'.repeat(how[at] === 4 ? 2 : 0)}${letter.charCodeAt(0).toString(16)}`;
        return [letter, letter.toUpperCase(), letter, `%${escape}`, `%${escape}`, letter.toLowerCase()][how[at] ?? 0];
      }).join(''),
    );

  test('the value of such a key is not shown', () => {
    fc.assert(
      fc.property(noise, written, noise, (before, key, after) => {
        const shown = redact(`/${before}?x=1&${key}=hidden${after.replace(/[&#?]/g, '')}&end=1${after}`);
        expect(shown).not.toContain('hidden');
      }),
    );
  });

  test('a password in userinfo is not shown', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', 'token', '=', ';', '&', '!', '/', '//', '?', '#', '@', ':', '%3D', '%25'),
    });
    fc.assert(
      fc.property(word, word, noise, (user, password, after) => {
        const userinfo = `${encodeURIComponent(user)}:hidden${encodeURIComponent(password)}`;
        const { href } = new URL(`https://${userinfo}@x.example/`);
        expect(redact(href + after)).not.toContain('hidden');
        expect(redact(`/?next=${encodeURIComponent(href)}`)).not.toContain('hidden');
        expect(redact(`/?next=${encodeURIComponent(encodeURIComponent(href))}`)).not.toContain('hidden');
      }),
    );
  });

  test('it returns text, and the same for what it returned', () => {
    fc.assert(
      fc.property(noise, (text) => {
        const shown = redact(text);
        expect(redact(shown)).toBe(shown);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(['a', '1', '%25', '%', 'sig=', 'token', '//a@', '&', ';', '=', '%3D', '%2525=', '?#'])(
    'it is linear in the length: a million characters of %s',
    (unit) => {
      const text = `/?${unit.repeat(1_000_000 / unit.length)}=end`;
      const started = performance.now();
      redact(text);
      // A second where it is linear would be a slow machine; where it is quadratic it takes many minutes.
      expect(performance.now() - started).toBeLessThan(5000);
    },
  );
});

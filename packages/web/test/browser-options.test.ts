import { afterEach, describe, expect, it, vi } from 'vitest';
import { pageTrace, serverTrace, traceFetch } from '../src/browser/index.ts';

describe('wrong options throw, with what they take', () => {
  it.each([
    [{ firstParty: ['api.example.com'] }, 'https://api.example.com'],
    [{ firstParty: ['https://api.example.com/v1'] }, 'origins'],
    [{ firstParty: [/api/] }, 'origins'],
    [{ firstParty: 'https://api.example.com' }, "it was given 'https://api.example.com'"],
    [{ firstParty: true }, 'origins'],
    [{ firstparty: [] }, 'Did you mean `firstParty`'],
    [{ ignore: '/logout' }, 'a function of the URL'],
    [{ maxPageAge: '1h' }, 'milliseconds'],
  ])('%j', (options, message) => {
    expect(() => traceFetch(undefined, options as never)).toThrow(message);
  });

  it('a fetch that is none', () => {
    expect(() => traceFetch({} as never)).toThrow('`fetch` takes a function');
  });
});

it.each([
  ['https://api.example.com/x', true],
  ['https://api.example.com:8443/x', false],
  ['http://api.example.com/x', false],
  ['https://eu.tools.example.com/x', true],
  ['https://tools.example.com/x', false],
  ['https://eviltools.example.com/x', false],
  ['https://tools.example.com.evil.com/x', false],
])('%s is first-party: %s', async (url, isOurs) => {
  const told: string[] = [];
  const traced = traceFetch(
    (_url: string) => Promise.resolve(new Response(null, { headers: { 'server-timing': header } })),
    {
      firstParty: ['https://api.example.com', 'https://*.tools.example.com'],
      onTrace: (_trace, { href }) => told.push(href),
    },
  );
  await traced(url);
  expect(told).toEqual(isOurs ? [url] : []);
});

describe('it may become the global fetch', () => {
  afterEach(() => void vi.unstubAllGlobals());
  type Fetch = typeof fetch;
  const becomings: Record<string, (bare: Fetch, make: () => Fetch) => void> = {
    'as it is': (_bare, make) => void vi.stubGlobal('fetch', make()),
    twice: (_bare, make) => {
      vi.stubGlobal('fetch', make());
      vi.stubGlobal('fetch', make());
    },
    'below a patch that comes later': (_bare, make) => {
      const traced = make();
      vi.stubGlobal('fetch', (...args: Parameters<Fetch>) => traced(...args));
    },
  };
  it.each(Object.entries(becomings))('%s', async (_, become) => {
    const asked: unknown[] = [];
    const bare = ((...args: unknown[]) => {
      asked.push(args);
      return Promise.resolve(new Response(null, { headers: { 'server-timing': header } }));
    }) as Fetch;
    vi.stubGlobal('fetch', bare);
    const told = new Map<number, number>();
    let made = 0;
    become(bare, () => {
      const id = made++;
      const onTrace = () => told.set(id, (told.get(id) ?? 0) + 1);
      return traceFetch(undefined, { firstParty: ['https://api.example.com'], onTrace });
    });
    await fetch('https://api.example.com/x');
    await fetch('https://api.example.com/x');
    expect(asked).toHaveLength(2);
    expect([...told.values()]).toEqual(Array.from({ length: made }, () => 2));
  });
});

it('what the caller sends stays, also where its headers can be read only once', async () => {
  vi.stubGlobal('document', { baseURI: 'https://page.example.com/', querySelector: () => ({ content: traceparent }) });
  const own = traceparent.replace('b7ad', 'c7ad');
  const sent: unknown[] = [];
  const traced = traceFetch(
    (_url: string, init?: RequestInit) => {
      sent.push(Object.fromEntries(new Headers(init?.headers)));
      return Promise.resolve(new Response(null));
    },
    { firstParty: ['https://api.example.com'] },
  );
  for (const headers of [
    [['x-own', '1']],
    [
      ['traceparent', own],
      ['x-own', '1'],
    ],
  ] as [string, string][][]) {
    await traced('https://api.example.com/x', { headers: headers.values() as unknown as HeadersInit });
  }
  vi.unstubAllGlobals();
  expect(sent).toEqual([
    { traceparent, 'x-own': '1' },
    { traceparent: own, 'x-own': '1' },
  ]);
});

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const header = `cache;desc="hit, traceparent", traceparent;desc="${traceparent}", db;dur=2`;

it.each([
  [
    'throws',
    () => {
      throw new Error('mine');
    },
  ],
  ['rejects', () => Promise.reject(new Error('mine'))],
])('an onTrace that %s reaches nobody', async (_, onTrace) => {
  const rejections: unknown[] = [];
  const heard = (error: unknown) => void rejections.push(error);
  process.on('unhandledRejection', heard);
  const answer = new Response(null, { headers: { 'server-timing': header } });
  const traced = traceFetch((_url: string) => Promise.resolve(answer), {
    firstParty: ['https://api.example.com'],
    onTrace,
  });
  expect(await traced('https://api.example.com/x')).toBe(answer);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', heard);
  expect(rejections).toEqual([]);
});

describe('serverTrace', () => {
  const of = (value: string) => serverTrace(new Response(null, { headers: { 'server-timing': value } }));

  it('finds it among other metrics', () => {
    expect(of(header)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      sampled: true,
      traceparent,
    });
    expect(of(`traceparent ; desc=${traceparent}`)?.traceparent).toBe(traceparent);
    expect(of(`traceparent;dur=1;desc="${traceparent}"`)?.traceparent).toBe(traceparent);
  });

  it.each(['', 'db;dur=1', 'traceparent', 'traceparent;desc="00-0-0-01"', `x-traceparent;desc="${traceparent}"`])(
    'finds nothing in %j',
    (value) => {
      expect(of(value)).toBeUndefined();
    },
  );

  it('there is no page outside of a browser', () => {
    expect(pageTrace()).toBeUndefined();
    expect(serverTrace({})).toBeUndefined();
  });
});

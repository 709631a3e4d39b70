import { context, diag, DiagLogLevel, propagation, SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, fetch as undiciFetch, interceptors, request } from 'undici';
import type { Dispatcher } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { traceFetch } from '../src/index.ts';
import type { FetchOptions } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';
import { sent } from './echo-server.ts';

const OURS = 'planner.internal';
const OURS_TOO = 'library.internal';
const THEIRS = 'api.example.com';
const ANSWER = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01';

/** What reached the one server behind all names, in its order. */
interface Arrival {
  readonly host: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
}

let telemetry: Telemetry;
let arrivals: Arrival[];
let lines: string[];
const server = createServer(({ headers, url = '', rawHeaders }, response) => {
  arrivals.push({ host: String(headers.host).replace(/:\d+$/, ''), url, rawHeaders });
  const to = new URL(url, 'http://x').searchParams.get('to');
  if (to === null) response.writeHead(200, { traceresponse: ANSWER }).end();
  else response.writeHead(url.startsWith('/307') ? 307 : 302, { location: to }).end();
});
let agent: Agent;

beforeAll(async () => {
  telemetry = startTelemetry();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  agent = new Agent({
    connect: { lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
  });
});
beforeEach(() => {
  arrivals = [];
  lines = [];
  const ignore = (): void => {};
  const warn = (line: string): void => void lines.push(line);
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  // As a process that has told nothing yet.
  delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
});
afterEach(async () => {
  diag.disable();
  await telemetry.reset();
});
afterAll(async () => {
  await agent.destroy();
  await new Promise<unknown>((resolve) => server.close(resolve));
  await telemetry.shutdown();
});

const at = (host: string, path = '/'): string => `http://${host}:${(server.address() as AddressInfo).port}${path}`;
const leading = (from: string, to: string, path = '/'): string =>
  at(from, `${path}?to=${encodeURIComponent(at(to, '/landed'))}`);

const inSpan = <T>(work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('work', async (span) => {
    const baggage = propagation.createBaggage({ 'user.id': { value: '42' } });
    try {
      return await context.with(propagation.setBaggage(context.active(), baggage), work);
    } finally {
      span.end();
    }
  });

/** Who got what: by host, the baggage of the user's and whether there was a `traceparent`. */
const got = (): [string, string[], number][] =>
  arrivals.map((arrival) => [arrival.host, sent(arrival, 'baggage'), sent(arrival, 'traceparent').length]);
const clients = () => telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);

type Ask = (url: string, options?: FetchOptions, init?: RequestInit) => Promise<void>;
const redirect = interceptors.redirect({ maxRedirections: 5 });
const composed =
  (...chain: ((options?: FetchOptions) => Dispatcher.DispatcherComposeInterceptor)[]): Ask =>
  async (url, options, init) => {
    const dispatcher = agent.compose(...chain.map((make) => make(options)));
    const { body } = await request(url, { dispatcher, ...(init as object) });
    await body.dump();
  };

const ways: [string, Ask][] = [
  [
    "Node's fetch",
    async (url, options, init) => {
      await (await traceFetch(undefined, options)(url, { ...init, dispatcher: agent } as RequestInit)).text();
    },
  ],
  [
    "Node's fetch, a Request",
    async (url, options, init) => {
      await (await traceFetch(fetch, options)(new Request(url, { ...init, dispatcher: agent } as RequestInit))).text();
    },
  ],
  [
    "undici's fetch, which is not suppressed",
    async (url, options, init) => {
      await (await traceFetch(undiciFetch, options)(url, { ...(init as object), dispatcher: agent })).text();
    },
  ],
  [
    'the interceptor inside `redirect`',
    composed(
      (options) => traceInterceptor(options),
      () => redirect,
    ),
  ],
  [
    'the interceptor outside `redirect`',
    composed(
      () => redirect,
      (options) => traceInterceptor(options),
    ),
  ],
];

describe.each(ways)('a redirect that %s follows', (way, ask) => {
  const follows = !way.includes('inside');

  test('takes no baggage to a third party, and the trace goes on', async () => {
    await inSpan(() => ask(leading(OURS, THEIRS)));
    expect(got()).toEqual([
      [OURS, ['user.id=42'], 1],
      [THEIRS, [], 1],
    ]);
    const traceparents = arrivals.map((arrival) => sent(arrival, 'traceparent')[0]!);
    expect(traceparents[0]!.slice(3, 35)).toBe(traceparents[1]!.slice(3, 35));
    expect(lines).toEqual([
      expect.stringContaining(
        follows
          ? `baggage did not follow a redirect to ${THEIRS}, to which your options do not send it`
          : `baggage was not sent to ${THEIRS}`,
      ),
    ]);
  });

  test('takes it to another host of ours, and nothing is told', async () => {
    await inSpan(() => ask(leading(OURS, OURS_TOO)));
    expect(got()).toEqual([
      [OURS, ['user.id=42'], 1],
      [OURS_TOO, ['user.id=42'], 1],
    ]);
    expect(lines).toEqual([]);
  });

  test('takes it along when it comes back to one of ours', async () => {
    const back = at(THEIRS, `/?to=${encodeURIComponent(at(OURS, '/landed'))}`);
    await inSpan(() => ask(at(OURS, `/307?to=${encodeURIComponent(back)}`), {}, { method: 'POST', body: 'question' }));
    expect(got()).toEqual([
      [OURS, ['user.id=42'], 1],
      [THEIRS, [], 1],
      [OURS, ['user.id=42'], 1],
    ]);
  });

  test('takes it to whom the options send it', async () => {
    await inSpan(() => ask(leading(OURS, THEIRS), { firstParty: ['*.example.com'] }));
    await inSpan(() => ask(leading(OURS, THEIRS), { baggage: { send: true } }));
    await inSpan(() => ask(leading(OURS, THEIRS), { baggage: { send: ({ host }) => host === OURS } }));
    expect(got().filter(([host]) => host === THEIRS)).toEqual([
      [THEIRS, ['user.id=42'], 1],
      [THEIRS, ['user.id=42'], 1],
      [THEIRS, [], 1],
    ]);
  });

  test('takes no trace context to whom `outbound` suppresses it', async () => {
    const outbound: FetchOptions['outbound'] = ({ host, name }) =>
      host === THEIRS && name === '/landed' ? 'suppress' : 'inject';
    await inSpan(() => ask(leading(OURS, THEIRS), { outbound }));
    expect(got()).toEqual([
      [OURS, ['user.id=42'], 1],
      [THEIRS, [], 0],
    ]);
  });

  test('without spans, of many calls at once, leads to each what it may see', async () => {
    await inSpan(async () => {
      const calls = Array.from({ length: 6 }, (_, index) =>
        ask(leading(OURS, index % 2 === 0 ? THEIRS : OURS_TOO), { spans: false }),
      );
      await Promise.all(calls);
    });
    for (const [host, baggage] of got()) expect(baggage).toEqual(host === THEIRS ? [] : ['user.id=42']);
    expect(arrivals).toHaveLength(12);
  });

  test('an answer that it led to is not linked where it is not of the server that was called', async () => {
    await inSpan(() => ask(leading(OURS, OURS_TOO)));
    expect(clients()[0]?.links).toEqual([]);
    await telemetry.reset();
    await inSpan(() => ask(at(OURS)));
    expect(clients()[0]?.links).toHaveLength(1);
  });
});

test('a dispatcher that chooses another server for a call takes nothing away from it', async () => {
  const elsewhere: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
    dispatch({ ...options, origin: at(THEIRS) }, handler);
  const dispatcher = agent.compose(elsewhere);
  await inSpan(() => traceFetch()(at(OURS), { dispatcher } as unknown as RequestInit));
  expect(got()).toEqual([[THEIRS, ['user.id=42'], 1]]);
});

describe('a fetch that follows redirects where nobody sees it', () => {
  // As a browser's: what it does in between is told to nobody.
  const unseen = async (url: string): Promise<Response> => {
    const response = new Response();
    Object.defineProperties(response, { url: { value: url }, redirected: { value: true } });
    return response;
  };
  const ask = (url: string, options?: FetchOptions): Promise<Response> =>
    inSpan(() => traceFetch(async (_url: string) => unseen(url), options)(at(OURS)));

  test('is told of, once for each host', async () => {
    await ask('http://api.example.com/landed');
    await ask('http://api.example.com/other');
    expect(lines).toEqual([expect.stringContaining('baggage followed a redirect to api.example.com, to which')]);
    expect(lines[0]).toContain("`redirect: 'manual'`".replaceAll('`', ''));
  });

  test('is not told of where the baggage may go there, and where there is none', async () => {
    await ask(at(OURS_TOO));
    await ask('http://api.example.com/landed', { firstParty: ['api.example.com'] });
    await ask('http://api.example.com/landed', { baggage: { send: true } });
    await traceFetch(async (_url: string) => unseen('http://api.example.com/'))(at(OURS));
    expect(lines).toEqual([]);
  });
});

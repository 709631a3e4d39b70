import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceFetch } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';
import { closedPort, startEchoServer } from './echo-server.ts';
import type { EchoServer } from './echo-server.ts';
import { lines } from './undici-lines.ts';

let telemetry: Telemetry;
let server: EchoServer;
let port: number;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
  port = await closedPort();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

interface Options {
  readonly method?: string;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly headersTimeout?: number;
  readonly bodyTimeout?: number;
  readonly dispatcher?: unknown;
}

/** Asks for all of an answer. */
type Ask = (url: string, options?: Options) => Promise<unknown>;

interface Case {
  readonly name: string;
  /** `error.type` of the span; `undefined` for what is no error of the call. */
  readonly type: string | undefined;
  /** Whether undici alone has an option for it. */
  readonly undici?: boolean;
  run(ask: Ask): Promise<unknown>;
}

const mine = new Error('mine');

const cases: Case[] = [
  { name: 'nobody listens', type: 'ECONNREFUSED', run: (ask) => ask(`http://127.0.0.1:${port}`) },
  { name: 'the connection is dropped', type: 'UND_ERR_SOCKET', run: (ask) => ask(`${server.origin}/drop`) },
  { name: 'the name does not exist', type: 'ENOTFOUND', run: (ask) => ask('http://no-such-host.invalid') },
  {
    name: 'a timeout of the caller',
    type: 'TimeoutError',
    run: (ask) => ask(`${server.origin}/hang`, { signal: AbortSignal.timeout(30) }),
  },
  {
    name: 'an abort in the middle of the call',
    type: undefined,
    async run(ask) {
      const controller = new AbortController();
      const before = server.seen.length;
      const asked = ask(`${server.origin}/hang`, { signal: controller.signal });
      asked.catch(() => {});
      await expect.poll(() => server.seen.length).toBeGreaterThan(before);
      controller.abort(mine);
      return asked;
    },
  },
  {
    name: 'an abort in the middle of the body',
    type: undefined,
    run: (ask) => ask(`${server.origin}/stream`, { signal: AbortSignal.timeout(50) }),
  },
  {
    name: 'a method that cannot be sent',
    type: 'UND_ERR_INVALID_ARG',
    undici: true,
    run: (ask) => ask(server.origin, { method: 'bad method' }),
  },
  {
    name: 'headers that do not come in time',
    type: 'UND_ERR_HEADERS_TIMEOUT',
    undici: true,
    run: (ask) => ask(`${server.origin}/hang`, { headersTimeout: 30 }),
  },
  {
    name: 'a body that does not come in time',
    type: undefined,
    undici: true,
    run: (ask) => ask(`${server.origin}/stream`, { bodyTimeout: 30 }),
  },
];

/** What an error says, down to the last cause. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return { type: error.constructor, name: error.name, message: error.message, code, cause: told(cause) };
}

const failureOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'nothing',
    (error: unknown) => (error === mine ? 'the very same object' : told(error)),
  );

async function alike(one: Case, bare: Ask, traced: Ask): Promise<void> {
  const theirs = await failureOf(one.run(bare));
  await telemetry.reset();
  expect(await failureOf(one.run(traced))).toEqual(theirs);
  expect(theirs).not.toBe('nothing');
  expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual([one.type]);
}

describe('what goes wrong is the same traced as bare, fetch', () => {
  const asking =
    (call: typeof fetch): Ask =>
    async (url, options) =>
      (await call(url, options)).text();
  test.each(cases.filter(({ undici }) => undici !== true))('$name', (one) =>
    alike(one, asking(fetch), asking(traceFetch())),
  );
});

describe.each(lines)('what goes wrong is the same traced as bare, $name', ({ undici }) => {
  const bare = new undici.Agent();
  const traced = bare.compose(traceInterceptor());
  afterAll(() => bare.destroy());
  const asking =
    (dispatcher: typeof bare | typeof traced): Ask =>
    async (url, options) => {
      const { body } = await undici.request(url, { dispatcher, ...(options as object) });
      return body.text();
    };
  test.each(cases)('$name', (one) => alike(one, asking(bare), asking(traced)));

  test('a retry is a span of each attempt, which counts those before it', async () => {
    const flaky = await startEchoServer();
    const agent = bare.compose(traceInterceptor(), undici.interceptors.retry({ minTimeout: 1, statusCodes: [503] }));
    const { body, statusCode } = await undici.request(`${flaky.origin}/flaky`, { dispatcher: agent });
    await body.dump();
    await flaky.close();
    expect(statusCode).toBe(200);
    expect(telemetry.spans().map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, 1]);
  });
});

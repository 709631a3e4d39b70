import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

const service = new URL('services/node-beside-instrumentations.ts', import.meta.url).pathname;
const run = promisify(execFile);

describe('a process with the instrumentations of undici and http', () => {
  let server: EchoServer;
  let spans: Record<string, { scope: string; spanId: string }[]>;
  beforeAll(async () => {
    server = await startEchoServer();
    const { stdout } = await run(process.execPath, [service, server.origin]);
    spans = JSON.parse(stdout) as typeof spans;
  });
  afterAll(() => server.close());
  const expectOne = (client: string, requests: number, scope: string): void => {
    const made = spans[`/${client}`];
    expect(made?.map((span) => span.scope)).toEqual(Array.from({ length: requests }, () => scope));
    const echo = server.seen.find(({ url }) => url === `/${client}`) as Echo;
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(String(made?.at(-1)?.spanId))]);
  };

  test.each(['http', 'axios', 'axios-fetch', 'got'])('%s has one span, which is ours, and one header', (client) => {
    expectOne(client, 1, '@throughline/fetch');
  });
  test.each(['got-redirected', 'axios-redirected', 'listener', 'stream-listener'])(
    '%s has one of each for each of its requests',
    (client) => {
      expectOne(client, 2, '@throughline/fetch');
    },
  );
  test('a request of its own that a traced agent gets is left to the instrumentation', () => {
    expectOne('agent', 1, '@opentelemetry/instrumentation-http');
  });
});

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '../src/index.ts';

/** What a real Jaeger answered; see the folder's README. */
const answers = JSON.parse(readFileSync(new URL('./jaeger/answers.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, { readonly status: number; readonly body: string } | undefined>
>;
const TRACE = '9a662022bab622f6529ffae46c3a6108';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface FakeJaeger {
  readonly address: string;
  readonly asked: { readonly url: URL; readonly headers: IncomingHttpHeaders }[];
}

/** Serves the answers below a prefix; of what is asked for traces, the service alone matters. */
async function fakeJaeger(prefix: string = '', other?: string): Promise<FakeJaeger> {
  const asked: FakeJaeger['asked'] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://jaeger');
    asked.push({ url, headers: request.headers });
    const path = url.pathname.slice(prefix.length);
    const by = ['service', 'query.service_name'].find((name) => url.searchParams.has(name));
    const answer = answers[by === undefined ? path : `${path}?${by}=${url.searchParams.get(by)}`];
    if (other !== undefined) response.end(other);
    else response.writeHead(answer?.status ?? 404).end(answer?.body ?? 'there is no such page');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close().closeAllConnections());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`, asked };
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function check(...args: readonly string[]): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const code = await run(['check', ...args], {
    stdin: process.stdin,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {},
  });
  return { code, stdout, stderr };
}

const found = /^✗ gateway → planner over http \/plan: planner started a root \d+ ms after/;
const all = 'broken: 4 chains, 4 traces, 3 services, 32 spans\n';

describe('throughline check --from jaeger', () => {
  it.each(['', '/api/v3'])('judges the traces of all services, each once, by …%s', async (api) => {
    const { address, asked } = await fakeJaeger();
    const { code, stdout, stderr } = await check('--from', `jaeger=${address}${api}`);
    expect(stdout).toMatch(found);
    expect(stdout).toContain(all);
    expect([code, stderr]).toEqual([1, '']);
    expect(asked).toHaveLength(4);
  });

  it.each([
    ['', 'start', 'end', (value: string) => Number(value) / 1000],
    ['/api/v3', 'query.start_time_min', 'query.start_time_max', (value: string) => Date.parse(value)],
  ])('asks for some services, and so far back, by …%s', async (api, from, to, ms) => {
    const { address, asked } = await fakeJaeger();
    await check('--from', `jaeger=${address}${api}`, '--service', 'gateway, planner', '--lookback', '30m');
    expect(asked).toHaveLength(2);
    const { searchParams } = asked[0]?.url ?? new URL('http://none');
    const [start, end] = [ms(searchParams.get(from) ?? ''), ms(searchParams.get(to) ?? '')];
    expect(end - start).toBe(30 * 60_000);
    expect(Math.abs(Date.now() - end)).toBeLessThan(60_000);
  });

  it.each(['', '/api/v3'])('asks for one trace, and says where there is none, by …%s', async (api) => {
    const { address } = await fakeJaeger('/jaeger');
    const from = ['--from', `jaeger=${address}${api}`];
    expect((await check(...from, '--trace-id', TRACE)).stdout).toMatch(/1 trace, /);
    const { code, stderr } = await check(...from, '--trace-id', `${TRACE},00000000000000000000000000000abc`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^throughline: trace 0+abc cannot be read from Jaeger: .* answered 404: .*trace not found/);
  });

  it('gives a user and a password as basic authentication', async () => {
    const { address, asked } = await fakeJaeger();
    await check('--from', `jaeger=${address.replace('//', '//me:s%40fe@')}`, '--trace-id', TRACE);
    expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:s@fe').toString('base64')}`);
  });

  it.each([
    ['<html>no JSON</html>', /answered no JSON: give the address of its UI/],
    ['{"hello":"world"}', /the answer is none of its query API/],
    ['[]', /the answer is none of its query API/],
    ['{"data":[7,{"x":1},"a"],"services":[null]}', /no spans to judge/],
  ])('says what is wrong where %s answers', async (body, says) => {
    for (const api of ['', '/api/v3']) {
      const { address } = await fakeJaeger('', body);
      const { code, stdout, stderr } = await check('--from', `jaeger=${address}${api}`);
      expect(code).toBe(2);
      expect(stdout + stderr).toMatch(says);
    }
  });

  it('says where nobody listens, and what it takes', async () => {
    const { address } = await fakeJaeger();
    for (const close of closing.splice(0)) close();
    const { code, stderr } = await check('--from', `jaeger=${address}`);
    expect([code, stderr]).toEqual([2, expect.stringContaining('ECONNREFUSED')]);
    for (const [args, says] of [
      [['--from', 'tempo=http://x'], /such as jaeger=http:\/\/localhost:16686/],
      [['--from', `jaeger=${address}`, 'spans.json'], /give either files/],
      [['spans.json', '--service', 'gateway'], /--services says what files should hold/],
      [['--from', `jaeger=${address}`, '--lookback', 'soon'], /90s, 30m, 2h or 1d/],
      [['--from', `jaeger=${address}`, '--trace-id', '../x'], /ids of traces in hex/],
    ] as const) {
      expect(await check(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(says) });
    }
  });
});

import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

// The 41 behaviours that W3C's validation harness (w3c/trace-context, test/test.py) checks at STRICT_LEVEL=2 and
// SPEC_LEVEL=2, under its names, against a service of ours: Express in, traced fetch out, real sockets. The service
// is asked to call back, and the headers of its callbacks are judged.

type HeaderLines = readonly (readonly [string, string])[];
interface Seen {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: number;
  readonly tracestate: ReadonlyMap<string, string>;
}

const id = '12345678901234567890123456789012';
const parent = '1234567890123456';
const traceparent = `00-${id}-${parent}-01`;
const unsampled: readonly [string, string] = ['traceparent', `00-${id}-${parent}-00`];

let telemetry: Telemetry;
let service: Server;
let receiver: Server;
const received: string[][] = [];

beforeAll(async () => {
  telemetry = startTelemetry();
  const app = express();
  const fetch = traceFetch();
  app.use(traceContext());
  app.post('/', express.json(), async (req, res) => {
    for (const url of req.body as string[]) await (await fetch(url, { method: 'POST' })).text();
    res.json({});
  });
  receiver = createServer((req, res) => {
    received.push(req.rawHeaders);
    res.end();
  });
  service = createServer(app);
  await Promise.all([listening(service), listening(receiver)]);
});

afterAll(async () => {
  await Promise.all([closed(service), closed(receiver)]);
  await telemetry.shutdown();
});

describe('W3C validation harness: TraceContextTest', () => {
  it('both_traceparent_and_tracestate_missing', async () => {
    expect((await call([])).traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('traceparent_included_tracestate_missing', async () => {
    const seen = await call([['traceparent', traceparent]]);
    expect(seen.traceId).toBe(id);
    expect(seen.parentId).not.toBe(parent);
  });

  it('traceparent_duplicated', async () => {
    const other = '12345678901234567890123456789011';
    const seen = await call([
      ['traceparent', `00-${other}-${parent}-01`],
      ['traceparent', traceparent],
    ]);
    expect([id, other]).not.toContain(seen.traceId);
  });

  it('traceparent_header_name', async () => {
    await restarts([['trace-parent', traceparent]]);
    await restarts([['trace.parent', traceparent]]);
  });

  it('traceparent_header_name_valid_casing', async () => {
    for (const name of ['TraceParent', 'TrAcEpArEnT', 'TRACEPARENT']) await continues([[name, traceparent]]);
  });

  const invalid: Readonly<Record<string, readonly string[]>> = {
    traceparent_version_0x00: [`${traceparent}.`, `${traceparent}-what-the-future-will-be-like`],
    traceparent_version_0xff: [`ff-${id}-${parent}-01`],
    traceparent_version_illegal_characters: [`.0-${id}-${parent}-01`, `0.-${id}-${parent}-01`],
    traceparent_version_too_long: [`000-${id}-${parent}-01`, `0000-${id}-${parent}-01`],
    traceparent_version_too_short: [`0-${id}-${parent}-01`],
    traceparent_trace_id_all_zero: [`00-${'0'.repeat(32)}-${parent}-01`],
    traceparent_trace_id_illegal_characters: [`00-.${id.slice(1)}-${parent}-01`, `00-${id.slice(1)}.-${parent}-01`],
    traceparent_trace_id_too_long: [`00-${id}3-${parent}-01`],
    traceparent_trace_id_too_short: [`00-${id.slice(1)}-${parent}-01`],
    traceparent_parent_id_all_zero: [`00-${id}-${'0'.repeat(16)}-01`],
    traceparent_parent_id_illegal_characters: [`00-${id}-.${parent.slice(1)}-01`, `00-${id}-${parent.slice(1)}.-01`],
    traceparent_parent_id_too_long: [`00-${id}-${parent}7-01`],
    traceparent_parent_id_too_short: [`00-${id}-${parent.slice(1)}-01`],
    traceparent_trace_flags_illegal_characters: [`00-${id}-${parent}-.0`, `00-${id}-${parent}-0.`],
    traceparent_trace_flags_too_long: [`00-${id}-${parent}-001`],
    traceparent_trace_flags_too_short: [`00-${id}-${parent}-1`],
  };
  it.each(Object.entries(invalid))('%s', async (_name, values) => {
    for (const value of values) await restarts([['traceparent', value]]);
  });

  it('traceparent_version_0xcc', async () => {
    await continues([['traceparent', `cc-${id}-${parent}-01`]]);
    await continues([['traceparent', `cc-${id}-${parent}-01-what-the-future-will-be-like`]]);
    await restarts([['traceparent', `cc-${id}-${parent}-01.what-the-future-will-be-like`]]);
  });

  it('traceparent_ows_handling', async () => {
    for (const value of [
      ` ${traceparent}`,
      `\t${traceparent}`,
      `${traceparent} `,
      `${traceparent}\t`,
      `\t ${traceparent} \t`,
    ]) {
      await continues([['traceparent', value]]);
    }
  });

  it('tracestate_included_traceparent_missing', async () => {
    expect((await call([['tracestate', 'foo=1']])).tracestate.size).toBe(0);
    expect((await call([['tracestate', 'foo=1,bar=2']])).tracestate.size).toBe(0);
  });

  it('tracestate_included_traceparent_included', async () => {
    await inherits([['tracestate', 'foo=1,bar=2']], { foo: '1', bar: '2' });
  });

  it('tracestate_header_name', async () => {
    await inherits([['trace-state', 'foo=1']], {});
    await inherits([['trace.state', 'foo=1']], {});
  });

  it('tracestate_header_name_valid_casing', async () => {
    for (const name of ['TraceState', 'TrAcEsTaTe', 'TRACESTATE']) await inherits([[name, 'foo=1']], { foo: '1' });
  });

  it('tracestate_empty_header', async () => {
    await inherits([['tracestate', '']], {});
    await inherits(
      [
        ['tracestate', 'foo=1'],
        ['tracestate', ''],
      ],
      { foo: '1' },
    );
    await inherits(
      [
        ['tracestate', ''],
        ['tracestate', 'foo=1'],
      ],
      { foo: '1' },
    );
  });

  it('tracestate_multiple_headers_different_keys', async () => {
    const seen = await call([
      unsampled,
      ['tracestate', 'foo=1,bar=2'],
      ['tracestate', 'rojo=1,congo=2'],
      ['tracestate', 'baz=3'],
    ]);
    expect([...seen.tracestate]).toEqual([
      ['foo', '1'],
      ['bar', '2'],
      ['rojo', '1'],
      ['congo', '2'],
      ['baz', '3'],
    ]);
  });

  it('tracestate_duplicated_keys', async () => {
    await inherits([['tracestate', 'foo=1,foo=1']], { foo: '1' });
    await inherits([['tracestate', 'foo=1,foo=2']], { foo: '1' });
    await inherits(
      [
        ['tracestate', 'foo=1'],
        ['tracestate', 'foo=1'],
      ],
      { foo: '1' },
    );
    await inherits(
      [
        ['tracestate', 'foo=1'],
        ['tracestate', 'foo=2'],
      ],
      { foo: '1' },
    );
  });

  it('tracestate_all_allowed_characters', async () => {
    const key = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/';
    const value = Array.from({ length: 0x7f - 0x20 }, (_, at) => String.fromCharCode(0x20 + at))
      .join('')
      .replace(/[,=]/g, '');
    await inherits([['tracestate', `${key}=${value}`]], { [key]: value });
    await inherits([['tracestate', `${key}@a-z0-9_-*/=${value}`]], { [`${key}@a-z0-9_-*/`]: value });
  });

  it('tracestate_ows_handling', async () => {
    const three = { foo: '1', bar: '2', baz: '3' };
    await inherits([['tracestate', 'foo=1 \t , \t bar=2, \t baz=3']], three);
    await inherits([['tracestate', 'foo=1\t \t,\t \tbar=2,\t \tbaz=3']], three);
    for (const value of [' foo=1', '\tfoo=1', 'foo=1 ', 'foo=1\t', '\t foo=1 \t'])
      await inherits([['tracestate', value]], { foo: '1' });
  });

  it('tracestate_key_illegal_characters', async () => {
    for (const value of ['foo =1', 'FOO=1', 'foo.bar=1']) await inherits([['tracestate', value]], {});
  });

  it('tracestate_key_illegal_vendor_format', async () => {
    await inherits([['tracestate', 'foo@=1,bar=2']], { 'foo@': '1', bar: '2' });
    await inherits([['tracestate', '@foo=1,bar=2']], {});
    await inherits([['tracestate', 'foo@@bar=1,bar=2']], { 'foo@@bar': '1', bar: '2' });
    await inherits([['tracestate', 'foo@bar@baz=1,bar=2']], { 'foo@bar@baz': '1', bar: '2' });
  });

  it('tracestate_member_count_limit', async () => {
    const members = Array.from({ length: 33 }, (_, at) => [`bar${at + 1}`, `${at + 1}`] as const);
    const lines = (count: number): HeaderLines =>
      [0, 10, 20, 30].map((from) => [
        'tracestate',
        members
          .slice(from, Math.min(from + 10, count))
          .map((member) => member.join('='))
          .join(','),
      ]);
    await inherits(lines(32), Object.fromEntries(members.slice(0, 32)));
    await inherits(lines(33), {});
  });

  it('tracestate_key_length_limit', async () => {
    for (const key of [
      'z'.repeat(256),
      `${'t'.repeat(241)}@${'v'.repeat(14)}`,
      `${'t'.repeat(242)}@v`,
      `t@${'v'.repeat(15)}`,
    ]) {
      await inherits(
        [
          ['tracestate', 'foo=1'],
          ['tracestate', `${key}=1`],
        ],
        { foo: '1', [key]: '1' },
      );
    }
    await inherits(
      [
        ['tracestate', 'foo=1'],
        ['tracestate', `${'z'.repeat(257)}=1`],
      ],
      {},
    );
  });

  it('tracestate_value_illegal_characters', async () => {
    await inherits([['tracestate', 'foo=bar=baz']], {});
    await inherits([['tracestate', 'foo=,bar=3']], {});
  });
});

describe('W3C validation harness: AdvancedTest', () => {
  it('multiple_requests_with_valid_traceparent', async () => {
    const seen = await calls([['traceparent', traceparent]], 3);
    expect(new Set(seen.map((one) => one.traceId))).toEqual(new Set([id]));
    expect(new Set(seen.map((one) => one.parentId)).size).toBe(3);
  });

  it('multiple_requests_without_traceparent', async () => {
    expect(new Set((await calls([], 3)).map((one) => one.parentId)).size).toBe(3);
  });

  it('multiple_requests_with_illegal_traceparent', async () => {
    const seen = await calls([['traceparent', `00-${'0'.repeat(32)}-${parent}-01`]], 3);
    expect(seen.map((one) => one.traceId)).not.toContain('0'.repeat(32));
    expect(new Set(seen.map((one) => one.parentId)).size).toBe(3);
  });
});

describe('W3C validation harness: TraceContext2Test', () => {
  it('propagates_random_flag', async () => {
    const seen = await call([['traceparent', `00-${id}-${parent}-02`]]);
    expect(seen.traceId).toBe(id);
    expect(seen.parentId).not.toBe(parent);
    expect(seen.flags & 2).toBe(2);
  });
});

async function continues(headers: HeaderLines): Promise<void> {
  const seen = await call(headers);
  expect(seen.traceId).toBe(id);
  expect(seen.parentId).not.toBe(parent);
}

async function restarts(headers: HeaderLines): Promise<void> {
  const seen = await call(headers);
  expect(seen.traceId).not.toBe(id);
  expect(headers[0]?.[1]).not.toContain(seen.traceId);
}

async function inherits(headers: HeaderLines, members: Readonly<Record<string, string>>): Promise<void> {
  const seen = await call([unsampled, ...headers]);
  expect(seen.traceId).toBe(id);
  expect(Object.fromEntries(seen.tracestate)).toEqual(members);
}

async function call(headers: HeaderLines): Promise<Seen> {
  const [seen] = await calls(headers, 1);
  if (seen === undefined) throw new Error('the service did not call back');
  return seen;
}

/** Sends one request to the service, byte for byte as given, and returns what its callbacks carried. */
async function calls(headers: HeaderLines, count: number): Promise<Seen[]> {
  received.length = 0;
  const body = JSON.stringify(Array.from({ length: count }, () => `http://127.0.0.1:${port(receiver)}/`));
  // A flat list goes out line by line: repeated names are not joined, letter case is kept.
  const lines = [
    ['host', 'localhost'],
    ['content-type', 'application/json'],
    ['content-length', String(body.length)],
    ...headers,
  ].flat();
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: port(service), method: 'POST', headers: lines as never },
      (response) => {
        response
          .resume()
          .once('end', () =>
            response.statusCode === 200 ? resolve() : reject(new Error(String(response.statusCode))),
          );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
  expect(received).toHaveLength(count);
  return received.map(read);
}

function read(rawHeaders: readonly string[]): Seen {
  const lines = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  const [only, ...more] = lines('traceparent');
  expect(more, 'exactly one traceparent').toEqual([]);
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(only ?? '');
  if (match === null) throw new Error(`malformed traceparent: ${String(only)}`);
  const members = lines('tracestate')
    .join(',')
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
  expect(lines('tracestate'), 'an empty tracestate is never sent').not.toContain('');
  return {
    traceId: match[1] ?? '',
    parentId: match[2] ?? '',
    flags: Number.parseInt(match[3] ?? '', 16),
    tracestate: new Map(
      members.map((member) => [member.slice(0, member.indexOf('=')), member.slice(member.indexOf('=') + 1)]),
    ),
  };
}

function port(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

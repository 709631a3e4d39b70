import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type Socket, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { CollectorOptions } from '../src/index.ts';
import type { Held } from './child/collector.ts';

/*
 * What a sender can do to a collector of default options, whose process is measured from outside. The margins are wide: what is
 * told apart is tens of megabytes from hundreds, and milliseconds from minutes.
 */

const MB = 1_000_000;
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
const IDS = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"';

const children: ChildProcess[] = [];
const sockets: (Socket | ClientHttp2Session)[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(
    children.splice(0).map(async (child) => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }),
  );
});

interface Running {
  readonly url: string;
  held(): Promise<Held>;
}

async function collectorProcess(options: CollectorOptions = {}): Promise<Running> {
  const child = fork(new URL('child/collector.ts', import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  });
  children.push(child);
  const [url] = (await once(child, 'message')) as [string];
  const held = async (): Promise<Held> => {
    const answer = once(child, 'message') as Promise<[Held]>;
    child.send('held');
    return (await answer)[0];
  };
  return { url, held };
}

function post(url: string, body: string | Uint8Array, type: string, gzip = false): Promise<Response> {
  return fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': type, ...(gzip ? { 'content-encoding': 'gzip' } : {}) },
    body: body as string | Uint8Array<ArrayBuffer>,
  });
}

async function postSpan(url: string): Promise<void> {
  const response = await post(url, `{"resourceSpans":[{"scopeSpans":[{"spans":[{${IDS}}]}]}]}`, JSON_TYPE);
  expect([response.status, await response.text()]).toEqual([200, '{}']);
}

/** A request whose body the test writes byte by byte; what comes back is collected. */
function raw(url: string, head: string): { socket: Socket; answer(): string; answered: Promise<string> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  let text = '';
  const answered = new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\r\n\r\n{')) resolve(text);
    });
  });
  socket.on('error', () => {});
  socket.write(`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${JSON_TYPE}\r\n${head}\r\n\r\n`);
  return { socket, answer: () => text, answered };
}

test('four million lines of no JSON in 8 kB of gzip are no lines to it: others are answered while dozens of them are there', async () => {
  const { url, held } = await collectorProcess();
  const bomb = gzipSync('a\n'.repeat(4_000_000));
  const bad = Array.from({ length: 60 }, () => post(url, bomb, JSON_TYPE, true));
  await Promise.race(bad);
  await postSpan(url);
  // Sixty times 8 MB do not fit at once: some are told to come again.
  const said = await Promise.all(bad.map(async (response) => (await response).json() as Promise<{ message: string }>));
  const messages = new Set(said.map(({ message }) => message));
  expect(messages).toContain('the body is not JSON');
  messages.delete('too much is being received at once: send it again');
  expect(messages.size).toBe(1);
  expect(await held()).toMatchObject({ spans: 1, rejected: 0, refused: 60 });
});

test('small bodies that unpack to large spans are kept up to the budget, and the rest is counted', async () => {
  const { url, held } = await collectorProcess();
  const attribute = `{"key":"k","value":{"stringValue":"${'x'.repeat(8_000_000)}"}}`;
  const body = gzipSync(`{"resourceSpans":[{"scopeSpans":[{"spans":[{${IDS},"attributes":[${attribute}]}]}]}]}`);
  expect(body.length).toBeLessThan(10_000);
  const answers: unknown[] = [];
  for (let sent = 0; sent < 60; sent++) answers.push(await (await post(url, body, JSON_TYPE, true)).json());
  expect(answers[0]).toEqual({});
  expect(answers.at(-1)).toEqual({
    partialSuccess: { rejectedSpans: '1', errorMessage: `the collector holds its ${256 * 1024 * 1024} bytes of spans` },
  });
  const { bytes, spans, rejected } = await held();
  expect(bytes).toBeLessThan(400 * MB);
  expect(spans + rejected).toBe(60);
  await postSpan(url);
}, 120_000);

describe('uploads that stall', () => {
  test('hold no more than their budget, and make room for those that do not', async () => {
    const { url, held } = await collectorProcess();
    const size = 8 * 1024 * 1024;
    const part = ' '.repeat(size - 1);
    const refusals: string[] = [];
    const uploads = Array.from({ length: 50 }, () => raw(url, `content-length: ${size}`));
    const enough = new Promise<void>((resolve) => {
      for (const upload of uploads) {
        upload.socket.write(part);
        void upload.answered.then((text) => {
          refusals.push(text);
          return refusals.length === 42 ? resolve() : undefined;
        });
      }
    });
    await enough;
    for (const refusal of refusals) {
      expect(refusal).toMatch(/^HTTP\/1\.1 503 /);
      expect(refusal).toMatch(/^retry-after: 1\r$/m);
      expect(refusal).toContain('{"code":14,"message":"too much is being received at once: send it again"}');
    }
    await postSpan(url);
    expect((await held()).bytes).toBeLessThan(200 * MB);
  });

  test('hold no more over gRPC, where one connection has many', async () => {
    const { url, held } = await collectorProcess();
    const size = 8 * 1024 * 1024;
    const part = Buffer.alloc(size);
    part.writeUInt32BE(size - 5 + 1, 1);
    // The sender's own limit, of what it has still to send.
    const session = connectHttp2(url, { maxSessionMemory: 1000 });
    sockets.push(session);
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
    const call = (message: Buffer, isLast: boolean): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
        stream.on('error', () => {});
        stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']));
        stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
        stream.resume().write(message);
        if (isLast) stream.end();
      });
    const codes: unknown[] = [];
    await new Promise<void>((resolve) => {
      for (let sent = 0; sent < 50; sent++) {
        void call(part, false).then((code) => (codes.push(code) === 42 ? resolve() : undefined));
      }
    });
    expect(new Set(codes)).toEqual(new Set(['14']));
    expect(await call(Buffer.alloc(5), true), 'on the same connection').toBe('0');
    await postSpan(url);
    expect((await held()).bytes).toBeLessThan(200 * MB);
  });

  test.each([
    ['within their headers', 'x-never: ends'],
    ['within their body', `content-length: 10\r\n\r\n{`],
  ])('%s are closed after a time, and give back what they hold', async (_, head) => {
    const { url, held } = await collectorProcess({ requestTimeoutMs: 300 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {}).resume();
    socket.write(`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${JSON_TYPE}\r\n${head}`);
    await once(socket, 'close');
    await postSpan(url);
    expect(await held()).toMatchObject({ spans: 1, refused: head.includes('{') ? 1 : 0 });
  });

  test('cost what they sent, not an object for each of their chunks', async () => {
    const { url, held } = await collectorProcess({ maxBodyBytes: 600_000 });
    const upload = raw(url, 'transfer-encoding: chunked');
    upload.socket.write('1\r\n \r\n'.repeat(600_001));
    expect(await upload.answered).toMatch(/^HTTP\/1\.1 413 /);
    expect((await held()).peakBytes).toBeLessThan(250 * MB);
  });
});

test('an exporter that sends too much is told so, whatever it had still to send', async () => {
  const { url, held } = await collectorProcess();
  const socket = raw(url, `content-length: ${40 * MB}`);
  await new Promise((resolve) => socket.socket.write(' '.repeat(20 * MB), resolve));
  expect(await socket.answered).toMatch(/^HTTP\/1\.1 413 /);
  expect(await held()).toMatchObject({ refused: 1 });
});

/** A body of one span, whose fields are `rest`, about 8 MB long. */
const spanJson = (rest: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${IDS},${rest}}]}]}]}`;
const SIZE = 8_000_000;
const repeated = (text: string): string => text.repeat(Math.floor(SIZE / text.length));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
const nested = (field: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
const spanProtobuf = (rest: Uint8Array): Buffer => {
  const ids = [nested(1, Buffer.alloc(16, 7)), nested(2, Buffer.alloc(8, 7))];
  return nested(1, nested(2, nested(2, Buffer.concat([...ids, rest]))));
};

/** Lists that hold a list each, until they are `size` bytes long. */
function nestedLists(size: number): Buffer {
  const outwards: Buffer[] = [];
  for (let length = 0; length < size;) {
    const values = Buffer.concat([Buffer.from([0x0a]), varint(length)]);
    const list = Buffer.concat([Buffer.from([0x2a]), varint(length + values.length)]);
    outwards.push(values, list);
    length += values.length + list.length;
  }
  return Buffer.concat(outwards.reverse());
}

describe('a body that takes far more memory than its bytes', () => {
  test.each<[string, () => string | Uint8Array, number]>([
    ['arrays in arrays', () => '['.repeat(SIZE / 2) + ']'.repeat(SIZE / 2), 400],
    ['objects in objects', () => `${repeated('{"a":')}1`, 400],
    ['an endless list of empty objects', () => `[${repeated('{},')}{}]`, 400],
    ['events without anything', () => spanJson(`"events":[${repeated('{},')}{}]`), 400],
    ['arrays in strings, which are text', () => spanJson(`"name":"${repeated('[\\"')}"`), 200],
    ['four hundred thousand events in protobuf', () => spanProtobuf(Buffer.from('5a00'.repeat(400_000), 'hex')), 200],
    ['four million events in protobuf', () => spanProtobuf(Buffer.from('5a00'.repeat(SIZE / 2), 'hex')), 400],
    ['messages in messages', () => spanProtobuf(nested(9, nested(2, nestedLists(SIZE)))), 400],
    ['fields that nobody knows', () => spanProtobuf(Buffer.from('3800'.repeat(SIZE / 2), 'hex')), 200],
  ])('%s', async (_, body, status) => {
    const { url, held } = await collectorProcess();
    const bytes = body();
    const bad = Array.from({ length: 4 }, () =>
      post(url, bytes, typeof bytes === 'string' ? JSON_TYPE : PROTOBUF_TYPE),
    );
    await postSpan(url);
    for (const response of await Promise.all(bad)) expect(response.status).toBe(status);
    const { bytes: kept, peakBytes } = await held();
    expect(kept).toBeLessThan(350 * MB);
    expect(peakBytes).toBeLessThan(900 * MB);
  });
});

test('a resource of a hundred thousand attributes, which thousands of spans share, is measured once', async () => {
  const { url, held } = await collectorProcess({ maxKeptBytes: 1000 });
  const attributes = Array.from({ length: 100_000 }, (_, index) => `{"key":"k${index}"}`).join();
  const scopes = `{"scope":{"name":"a"},"spans":[{${IDS}}]},`.repeat(35_000);
  const body = `{"resourceSpans":[{"resource":{"attributes":[${attributes}]},"scopeSpans":[${scopes}{}]}]}`;
  expect((await post(url, body, JSON_TYPE)).status).toBe(200);
  expect(await held()).toMatchObject({ spans: 0, rejected: 35_000 });
});

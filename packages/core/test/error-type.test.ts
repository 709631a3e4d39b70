import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { errorType } from '../src/adapter.ts';

const coded = (code: unknown, options?: ErrorOptions): Error => Object.assign(new Error('no', options), { code });
const refused = coded('ECONNREFUSED');

test.each([
  ['a code that is a word', coded('ENOENT'), 'ENOENT'],
  ['a code of its own before one behind it', coded('UND_ERR_SOCKET', { cause: refused }), 'UND_ERR_SOCKET'],
  ['no code: the class', new RangeError('no', { cause: refused }), 'RangeError'],
  ["fetch's TypeError", new TypeError('fetch failed', { cause: refused }), 'ECONNREFUSED'],
  ['a bare error around it', new Error('no', { cause: new TypeError('x', { cause: refused }) }), 'ECONNREFUSED'],
  ['several errors', new AggregateError([refused, coded('ETIMEDOUT')]), 'ECONNREFUSED'],
  ['a cause without a code', new Error('not JSON', { cause: new SyntaxError('no') }), 'Error'],
  ["fetch's TypeError around one without a code", new TypeError('no', { cause: new SyntaxError('no') }), 'SyntaxError'],
  ['a TypeError of a program', new TypeError('x is not a function'), 'TypeError'],
  ['a code that is a number', coded(20), 'Error'],
  ['a code that is a sentence', coded('there is no such thing'), 'Error'],
  ['what is no error', 'text', '_OTHER'],
])('error.type of %s', (_, error, type) => {
  expect(errorType(error)).toBe(type);
});

test('error.type of causes that go in a circle, and of one whose getter throws', () => {
  const circle = new Error('round');
  circle.cause = circle;
  expect(errorType(circle)).toBe('Error');
  const trap = Object.defineProperty(new Error('trap'), 'cause', {
    get() {
      throw new Error('no');
    },
  });
  expect(errorType(trap)).toBe('_OTHER');
});

test('error.type of a real connection to a name that has two addresses is that of the first', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const lookup: net.LookupFunction = (_name, _options, found) =>
    found(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ]);
  const [error] = (await once(net.connect({ host: 'two.test', port, lookup }), 'error').catch((reason: unknown) => [
    reason,
  ])) as [unknown];
  expect(error).toBeInstanceOf(AggregateError);
  expect(errorType(new TypeError('fetch failed', { cause: error }))).toBe('ECONNREFUSED');
});

import { AsyncResource } from 'node:async_hooks';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { Outcome, Received, Sending } from '@throughline/core/adapter';
import { expect, test } from 'vitest';
import { InFlight } from '../src/in-flight.ts';

interface FakeEnd {
  readonly ends: (Outcome | undefined)[];
  readonly sending: Sending;
  readonly received: Received;
}

function fakeEnd(): FakeEnd {
  const ends: (Outcome | undefined)[] = [];
  const hop = { context: ROOT_CONTEXT, end: (outcome?: Outcome) => void ends.push(outcome) };
  return { ends, sending: hop as Sending, received: hop as Received };
}

const book = (): InFlight =>
  new InFlight((ended, outcome) => ('sending' in ended ? ended.sending : ended.received).end(outcome));

const request = (id: string | number, token: unknown, { sending }: FakeEnd) => ({
  id,
  method: 'tools/call',
  caller: ROOT_CONTEXT,
  scope: new AsyncResource('test'),
  sending,
  token,
  unwatch: undefined,
});

test('0 and "0" are two requests; an answer to "0" is one to 0 where there is no "0"', () => {
  const inFlight = book();
  const [a, b] = [request(0, undefined, fakeEnd()), request('0', undefined, fakeEnd())];
  inFlight.sent(a);
  inFlight.sent(b);
  expect(inFlight.takeSent('0')).toBe(b);
  expect(inFlight.takeSent('0')).toBe(a);
  expect(inFlight.takeSent(0)).toBeUndefined();
});

test('progress finds its request by a token of the caller’s own, until the answer', () => {
  const inFlight = book();
  const mine = request(1, 'mine', fakeEnd());
  const other = request(2, undefined, fakeEnd());
  inFlight.sent(mine);
  inFlight.sent(other);
  expect(inFlight.byToken('mine')).toBe(mine);
  expect(inFlight.byToken(2)).toBeUndefined();
  inFlight.takeSent(1);
  inFlight.takeSent(2);
  expect(inFlight.byToken('mine')).toBeUndefined();
  expect(inFlight.size).toBe(0);
});

test('a peer that never lets go of its requests fills no memory: the oldest are given up', () => {
  const inFlight = book();
  const first = fakeEnd();
  inFlight.received('first', { method: 'x', received: first.received, signal: undefined });
  const rest = fakeEnd();
  for (let id = 0; id < 10_000; id++)
    inFlight.received(id, { method: 'x', received: rest.received, signal: undefined });
  expect(inFlight.size).toBe(10_000);
  expect(first.ends).toEqual([{ errorType: 'abandoned' }]);
});

test('a request that goes out under the id of one that is open ends that one', () => {
  const inFlight = book();
  const [a, b] = [fakeEnd(), fakeEnd()];
  inFlight.sent(request(1, undefined, a));
  inFlight.sent(request(1, undefined, b));
  expect(a.ends).toEqual([{ errorType: 'duplicate_request_id' }]);
  expect(b.ends).toEqual([]);
});

test('a close ends all; what came by an HTTP request that was aborted is cancelled', () => {
  const inFlight = book();
  const [out, gone, open] = [fakeEnd(), fakeEnd(), fakeEnd()];
  inFlight.sent(request(1, 'mine', out));
  inFlight.received(1, { method: 'x', received: gone.received, signal: AbortSignal.abort() });
  inFlight.received(2, { method: 'x', received: open.received, signal: undefined });
  inFlight.close();
  expect([out, gone, open].map(({ ends }) => ends[0]?.errorType)).toEqual([
    'connection_closed',
    'cancelled',
    'connection_closed',
  ]);
  expect(inFlight.size).toBe(0);
});

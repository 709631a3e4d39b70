import { describe, expect, it } from 'vitest';
import { captures } from '../../../test/corpus/src/captures.ts';
import { matchers } from '../src/matchers.ts';
import type { ChainMatchers } from '../src/matchers.ts';

// #region readme
declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
// #endregion

expect.extend(matchers);
const spansOf = (name: string) => captures.find((capture) => capture.name === name)?.spans ?? [];

describe('matchers', () => {
  it('toBeSound() says what is broken, and where', () => {
    expect(spansOf('http-three-requests')).toBeSound();
    expect(() => expect(spansOf('http-undici-explicit-header')).toBeSound()).toThrow(
      /the chains are broken\n {2}lost-context: gateway → planner over http \/plan/,
    );
    expect(() => expect([]).toBeSound()).toThrow('the chains are empty');
    expect(() => expect(spansOf('http-three-requests')).not.toBeSound()).toThrow('the chains are sound');
  });

  it('toBeSound() takes the services that there should be', () => {
    const killed = spansOf('http-killed-before-flush');
    expect(() => expect(killed).toBeSound(['planner'])).toThrow('nothing came from planner');
  });

  it('toFormOneTrace() takes one, and no more', () => {
    const three = spansOf('http-three-requests');
    expect(() => expect(three).toFormOneTrace()).toThrow('3 traces were found where one was expected');
    expect(three.filter(({ traceId }) => traceId === three[0]?.traceId)).toFormOneTrace();
  });

  it('toMatchContract() takes what was promised', () => {
    const spans = spansOf('kafkajs-each-message');
    const hop = { from: 'gateway', to: 'analyst', transport: 'kafka' };
    expect(spans).toMatchContract({ services: ['gateway', 'analyst'], hops: [hop] });
    expect(() => expect(spans).toMatchContract({ hops: [{ ...hop, min: 1000 }] })).toThrow(
      /contract: gateway → analyst over kafka: the contract asks for 1000, and there are \d+/,
    );
    expect(() => expect(spans).toMatchContract({ hop: [] } as never)).toThrow(/a contract has no `hop`: it takes/);
  });

  it('toHaveHop() takes whole hops alone, and says which there are', () => {
    const spans = spansOf('kafkajs-each-message');
    expect(spans).toHaveHop('gateway', 'analyst', { transport: 'kafka', over: 'kafkajs-each-message' });
    expect(spans).toHaveHop('analyst', 'library');
    expect(spans).not.toHaveHop('analyst', 'gateway');
    expect(() => expect(spans).toHaveHop('gateway', 'analyst', { over: 'other' })).toThrow(
      /no whole hop gateway → analyst over other. There are: gateway → analyst over kafka kafkajs-each-message/,
    );
    expect(spansOf('http-undici-explicit-header')).not.toHaveHop('gateway', 'planner');
  });
});

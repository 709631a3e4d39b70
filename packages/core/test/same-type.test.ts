import { EventEmitter } from 'node:events';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { asTarget, hopSettings, sameType, viewOf, wrapped } from '@throughline/core/adapter';
import type { Members } from '@throughline/core/adapter';

const settings = hopSettings({}, { name: '@throughline/test', version: '1.0.0' });
const asItIs: Members = { get: () => asTarget };

class Client extends EventEmitter {
  readonly #name = 'client';
  onclose: (() => void) | undefined;
  limit = 1;

  name(): string {
    return this.#name;
  }

  get handler(): (() => void) | undefined {
    return this.onclose;
  }

  send(message: string): string {
    return `sent ${message} by ${this.#name}`;
  }
}

describe('a view', () => {
  it('passes for its target: type, instanceof, constructor, in, own properties, private fields', () => {
    const target = new Client();
    const view = viewOf(target, asItIs);
    expectTypeOf(view).toEqualTypeOf<Client>();
    expect(view).toBeInstanceOf(Client);
    expect(view.constructor).toBe(Client);
    expect('limit' in view && 'send' in view && !('other' in view)).toBe(true);
    expect(Object.keys(view)).toEqual(Object.keys(target));
    expect(view.name()).toBe('client');
    expect(view.name).toBe(view.name);
    view.limit = 2;
    expect(target.limit).toBe(2);
  });

  it('comes back where a method returns the target', () => {
    const view = viewOf(new Client(), asItIs);
    expect(view.on('x', () => {}).setMaxListeners(5)).toBe(view);
  });

  it('gives what was assigned, and what an accessor returns, as the same object', () => {
    const target = new Client();
    const view = viewOf(target, asItIs);
    const mine = vi.fn<() => void>();
    view.onclose = mine;
    expect([view.onclose, view.handler, target.onclose]).toEqual([mine, mine, mine]);
    const send = (message: string): string => message;
    view.send = send;
    expect(view.send).toBe(send);
  });

  it('asks its members first, also for what is assigned', () => {
    const target = new Client();
    const taken: unknown[] = [];
    const view = viewOf(target, {
      get: (property) => (property === 'limit' ? 7 : asTarget),
      set: (property, value) => property === 'limit' && taken.push(value) > 0,
    });
    view.limit = 3;
    expect([view.limit, target.limit, taken]).toEqual([7, 1, [3]]);
    const own = (): void => {};
    view.onclose = own;
    expect(target.onclose).toBe(own);
  });

  it('of a frozen target gives its methods all the same', () => {
    const frozen = new Client();
    Object.freeze(frozen);
    const view = viewOf(frozen, { get: (property) => (property === 'limit' ? 7 : asTarget) });
    expect(view.limit).toBe(7);
    expect(view.name()).toBe('client');
    expect(() => {
      view.limit = 3;
    }).toThrow(TypeError);
  });

  it('is marked as wrapped where it is given settings, and as its target is where not', () => {
    const marked = viewOf(new Client(), asItIs, settings);
    expect(wrapped(marked)).toBe(true);
    expect(Symbol.for('throughline.wrapped') in marked).toBe(true);
    expect(Object.getOwnPropertySymbols(marked)).not.toContain(Symbol.for('throughline.wrapped'));
    expect(wrapped(viewOf(new Client(), asItIs))).toBe(false);
    expect(wrapped(viewOf(marked, asItIs))).toBe(true);
  });
});

describe('an object of the same type with members replaced', () => {
  const send = (message: string): string => `traced ${message}`;

  it('is a copy of a plain object of closures, which stays as it is', () => {
    const target = Object.freeze({ send: (message: string): string => message, events: { CONNECT: 'connect' } });
    const copy = sameType(target, { send }, settings);
    expect(copy).toEqual({ send, events: target.events });
    expect([wrapped(copy), wrapped(target)]).toEqual([true, false]);
    expect(target.send('x')).toBe('x');
  });

  it('is a view of an instance', () => {
    const target = new Client();
    const view = sameType(target, { send }, settings);
    expect(view).toBeInstanceOf(Client);
    expect([view.send('x'), target.send('x')]).toEqual(['traced x', 'sent x by client']);
    expect(view.name()).toBe('client');
    expect([wrapped(view), wrapped(target)]).toEqual([true, false]);
  });

  it('gives what is assigned to a replaced member', () => {
    const view = sameType(new Client(), { send }, settings);
    const mine = (): string => 'mine';
    view.send = mine;
    expect(view.send).toBe(mine);
  });

  it.each([
    ['a view', () => new Client()],
    ['a copy', () => ({ send: (message: string): string => message })],
  ])('of %s may be wrapped again by hand', (_, make) => {
    const target = make();
    const traced = sameType(target, { send: (message: string) => `traced ${target.send(message)}` }, settings);
    const before = traced.send;
    traced.send = (message) => `logged ${before(message)}`;
    expect(traced.send('x')).toBe(`logged traced ${target.send('x')}`);
    expect(target.send('x')).not.toContain('logged');
  });
});

describe('what calls a replaced member on itself', () => {
  const traced = (target: { publish(message: string): unknown }) =>
    sameType(target, { send: (message: string) => `traced ${message}` }, settings).publish('m');

  class Producer {
    name = 'p';
    send(message: string): string {
      return `bare ${message} of ${this.name}`;
    }
  }
  class Publisher extends Producer {
    publish(message: string): string {
      return this.send(message);
    }
  }
  class Further extends Publisher {
    sent = 0;
    override publish(message: string): string {
      this.sent++;
      return super.publish(message);
    }
  }
  class Private extends Producer {
    #sent = 0;
    publish(message: string): string {
      return `${this.send(message)}, ${++this.#sent}`;
    }
  }
  class OverPrivate extends Private {
    override publish(message: string): string {
      return this.send(message);
    }
  }

  it('gets the replaced one: methods of a subclass, of a subclass of it, and of a class over one with #private fields', () => {
    const further = new Further();
    expect([traced(new Publisher()), traced(further), traced(new OverPrivate())]).toEqual(Array(3).fill('traced m'));
    expect(further.sent).toBe(1);
  });

  it('gets the replaced one: a method of the very class that has it', () => {
    class Own extends Producer {
      override send(message: string): string {
        return `own ${message}`;
      }
      publish(message: string): string {
        return this.send(message);
      }
    }
    expect(traced(new Own())).toBe('traced m');
  });

  it('gets the replaced one: methods of object literals, with and without Object.create', () => {
    const methods = {
      send: (message: string): string => `bare ${message}`,
      publish(message: string): string {
        return this.send(message);
      },
    };
    const heir: typeof methods = Object.create(methods);
    expect([traced(methods), traced(heir)]).toEqual(['traced m', 'traced m']);
  });

  it('works as it is where its class has #private fields', () => {
    expect(traced(new Private())).toBe('bare m of p, 1');
  });

  it('gives the view where it returns itself', () => {
    class Chained extends Producer {
      withName(name: string): this {
        this.name = name;
        return this;
      }
    }
    const view = sameType(new Chained(), { send: () => 'traced' }, settings);
    expect(view.withName('x')).toBe(view);
    expect(view.withName('y').send('m')).toBe('traced');
  });
});

import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindEmitter } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const key = createContextKey('where');
const where = (): unknown => context.active().getValue(key);
const at = <T>(name: string, fn: () => T): T => context.with(ROOT_CONTEXT.setValue(key, name), fn);

describe('bindEmitter', () => {
  it('each listener runs in the context that it was added in, whichever method adds it', () => {
    const bus = new EventEmitter();
    const seen: unknown[] = [];
    const listener = (...args: unknown[]): void => void seen.push(where(), ...args);
    const methods = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const;
    for (const method of methods) {
      seen.length = 0;
      const view = bindEmitter(bus);
      at('first', () => view[method]('x', listener));
      at('second', () => view[method]('x', listener));
      at('emitter', () => bus.emit('x', 1));
      expect(new Set(seen)).toEqual(new Set(['first', 'second', 1]));
      expect(bus.listenerCount('x')).toBe(method.toLowerCase().includes('once') ? 0 : 2);
      bus.removeAllListeners();
    }
  });

  it('the one context that it is given holds for every listener', () => {
    const bus = new EventEmitter();
    const seen: unknown[] = [];
    const view = bindEmitter(bus, ROOT_CONTEXT.setValue(key, 'given'));
    at('first', () => view.on('x', () => seen.push(where())));
    at('emitter', () => bus.emit('x'));
    expect(seen).toEqual(['given']);
  });

  it('listeners are removed and listed as ever, through the view and the emitter', () => {
    const bus = new EventEmitter();
    const view = bindEmitter(bus);
    const listener = (): void => expect.unreachable('removed');
    for (const add of ['on', 'once', 'prependOnceListener'] as const) {
      view[add]('x', listener);
      view[add]('x', listener);
      expect(view.listeners('x')).toEqual([listener, listener]);
      view.off('x', listener);
      bus.removeListener('x', listener);
      expect(bus.listenerCount('x')).toBe(0);
    }
    bus.emit('x');
  });

  it('a `once` listener that emits again is called once', () => {
    const bus = new EventEmitter();
    let calls = 0;
    bindEmitter(bus).once('x', () => {
      calls++;
      bus.emit('x');
    });
    bus.emit('x');
    expect(calls).toBe(1);
  });

  it('the emitter is not changed: what is added to it directly runs where it is emitted', () => {
    const bus = new EventEmitter();
    const before = Object.getOwnPropertyNames(bus);
    const view = bindEmitter(bus);
    expect(Object.getOwnPropertyNames(bus)).toEqual(before);
    const seen: unknown[] = [];
    at('adder', () => bus.on('x', () => seen.push(where())));
    at('emitter', () => view.emit('x'));
    expect(seen).toEqual(['emitter']);
  });

  it('passes for the emitter: chains, `this`, results, private fields, errors', () => {
    class Bus extends EventEmitter {
      readonly #name = 'bus';
      limit = 1;
      name(): string {
        return this.#name;
      }
    }
    const bus = new Bus({ captureRejections: true });
    const view = bindEmitter(bus);
    expect(view).toBeInstanceOf(Bus);
    expect(view.name()).toBe('bus');
    view.limit = 2;
    expect(bus.limit).toBe(2);
    expect(view.on('x', () => {}).setMaxListeners(5)).toBe(view);
    let self: unknown;
    view.on('y', function (this: unknown) {
      self = this;
    });
    view.emit('y');
    expect(self).toBe(bus);
    expect(() => view.on('x', 7 as never)).toThrow(TypeError);
  });

  it('a rejection of an async listener reaches the error handler', async () => {
    const bus = new EventEmitter({ captureRejections: true });
    const error = new Error('listener');
    bindEmitter(bus).on('x', () => Promise.reject(error));
    setImmediate(() => bus.emit('x'));
    expect(await once(bus, 'error')).toEqual([error]);
  });

  it('a stream stays one, and can be piped', async () => {
    const stream = new PassThrough();
    const view = at('maker', () => bindEmitter(stream));
    const seen: unknown[] = [];
    at('maker', () =>
      view.on('data', (chunk: Buffer) => seen.push(String(chunk), where())).on('end', () => seen.push(where())),
    );
    const source = new PassThrough();
    source.pipe(view);
    at('writer', () => source.end('x'));
    await once(stream, 'end');
    expect(seen).toEqual(['x', 'maker', 'maker']);
  });

  it('what is no EventEmitter is told at once', () => {
    for (const wrong of [undefined, null, 7, {}, new EventTarget()]) {
      expect(() => bindEmitter(wrong as never)).toThrow(/`bindEmitter` takes an EventEmitter/);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { attachments } from '../src/adapter.ts';

describe('attachments', () => {
  it('keeps a value with an object, and the last one', () => {
    const notes = attachments<string>();
    const message = { subject: 'orders' };
    expect(notes.get(message)).toBeUndefined();
    notes.set(message, 'first');
    notes.set(message, 'second');
    expect(notes.get(message)).toBe('second');
    expect(notes.get({ ...message })).toBeUndefined();
  });

  it('shows nothing of it on the object', () => {
    const message = { subject: 'orders' };
    attachments<string>().set(message, 'note');
    expect(Reflect.ownKeys(message)).toEqual(['subject']);
    expect(structuredClone(message)).toEqual({ subject: 'orders' });
  });

  it.each([
    ['frozen before', Object.freeze({})],
    ['sealed', Object.seal({})],
    ['a Proxy', new Proxy({}, {})],
    ['a function', () => {}],
    ['without a prototype', Object.create(null) as object],
  ])('takes any object: %s', (_, object) => {
    const notes = attachments<number>();
    notes.set(object, 1);
    notes.set(object, 2);
    expect(notes.get(object)).toBe(2);
  });

  it('keeps its value when the object is frozen after', () => {
    const notes = attachments<number>();
    const message = {};
    notes.set(message, 1);
    Object.freeze(message);
    notes.set(message, 2);
    expect(notes.get(message)).toBe(2);
  });

  it('of two, neither sees what the other keeps', () => {
    const [one, other] = [attachments<number>(), attachments<number>()];
    const message = {};
    one.set(message, 1);
    expect(other.get(message)).toBeUndefined();
    other.set(message, 2);
    expect(one.get(message)).toBe(1);
  });
});

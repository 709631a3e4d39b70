import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layered } from '../src/context/layer.ts';

const keys = Array.from({ length: 6 }, (_, at) => createContextKey(`key ${at}`));

describe('a layered context', () => {
  it('holds the same values as OpenTelemetry’s own after any run of sets and deletes, and changes none before it', () => {
    const step = fc.tuple(fc.constantFrom(...keys), fc.option(fc.nat(9), { nil: undefined }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, overRoot) => {
        let theirs = overRoot ? ROOT_CONTEXT : ROOT_CONTEXT.setValue(keys[0] as symbol, 'below');
        let ours = layered(theirs);
        const snapshots = [];
        for (const [key, value] of steps) {
          theirs = value === undefined ? theirs.deleteValue(key) : theirs.setValue(key, value);
          ours = value === undefined ? ours.deleteValue(key) : ours.setValue(key, value);
          snapshots.push([theirs, ours] as const);
        }
        for (const [expected, actual] of snapshots)
          for (const key of keys) expect(actual.getValue(key)).toBe(expected.getValue(key));
      }),
    );
  });

  it('stays short however deep a program nests', () => {
    let context = layered(ROOT_CONTEXT);
    for (let at = 0; at < 100_000; at++) context = context.setValue(keys[at % 6] as symbol, at);
    expect(keys.map((key) => context.getValue(key))).toEqual([99_996, 99_997, 99_998, 99_999, 99_994, 99_995]);
  });

  it('is not laid over a context of somebody else’s making, which answers for what is set on it', () => {
    const refusing: Context = { getValue: () => 'kept', setValue: () => refusing, deleteValue: () => refusing };
    expect(layered(refusing)).toBe(refusing);
  });
});

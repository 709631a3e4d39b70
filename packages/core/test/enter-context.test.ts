/** What a `for await` loop of an adapter rests on: a task that enters a context keeps it to its end, and nobody else has it. */
import { context, createContextKey, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { afterEach, expect, it } from 'vitest';
import { register } from '@throughline/core';
import { enterContext } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';

let stop = async (): Promise<void> => {};
afterEach(() => stop());

const key = createContextKey('where');
const named = (name: string) => ROOT_CONTEXT.setValue(key, name);
const forget = async (): Promise<void> => {
  context.disable();
  propagation.disable();
};
const where = (): unknown => context.active().getValue(key);

it.each([
  ['OpenTelemetry’s own', () => startTelemetry().shutdown],
  [
    'that of `register`',
    () => {
      register();
      return forget;
    },
  ],
])('with the context manager that is %s', async (_, start) => {
  stop = start();
  const seen: unknown[] = [];
  const task = async (name: string): Promise<void> => {
    await Promise.resolve();
    const entered = named(name);
    expect(enterContext(entered)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(context.active()).toBe(entered);
    seen.push(where());
  };
  await context.with(named('outside'), async () => {
    await Promise.all(['a', 'b'].map(task));
    expect(where()).toBe('outside');
  });
  expect(seen).toEqual(['a', 'b']);
  expect(where()).toBeUndefined();
});

it('where there is no context manager, or one of another kind, it says that it could not', () => {
  stop = forget;
  expect(enterContext(named('a'))).toBe(false);
  const manager = {
    active: () => ROOT_CONTEXT,
    with: (_: unknown, fn: () => unknown) => fn(),
    bind: (_: unknown, target: unknown) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager as never);
  expect(enterContext(named('a'))).toBe(false);
  expect(where()).toBeUndefined();
});

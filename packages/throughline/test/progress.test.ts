import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { progress } from '../src/progress.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function onTerminal(isTTY: boolean): { readonly stderr: object; written(): string } {
  let text = '';
  return { stderr: { isTTY, columns: 40, write: (more: string) => (text += more) }, written: () => text };
}

describe('progress, on a fake terminal', () => {
  it('is shown once work has taken a second, and taken away', () => {
    const { stderr, written } = onTerminal(true);
    const { tell, end } = progress({ stderr } as never);
    tell('reads a.json, 1 of 3 files');
    vi.advanceTimersByTime(900);
    expect(written()).toBe('');
    vi.advanceTimersByTime(200);
    expect(written()).toBe('\r\u001b[2Kthroughline reads a.json, 1 of 3 files');
    tell('reads b.json, 2 of 3 files');
    expect(written()).toContain('2 of 3');
    end();
    expect(written().endsWith('\r\u001b[2K')).toBe(true);
  });

  it('writes nothing of short work, nor where there is no terminal', () => {
    for (const isTTY of [true, false]) {
      const { stderr, written } = onTerminal(isTTY);
      const { tell, end } = progress({ stderr } as never);
      tell('reads a.json');
      if (!isTTY) vi.advanceTimersByTime(5000);
      end();
      vi.advanceTimersByTime(5000);
      expect(written()).toBe('');
    }
  });
});

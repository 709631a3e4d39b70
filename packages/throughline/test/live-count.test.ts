import { describe, expect, it } from 'vitest';
import { liveCount } from '../src/live-count.ts';
import type { Output } from '../src/surroundings.ts';

const collector = {
  spans: () => [{ traceId: '1', service: 'gateway' } as never, { traceId: '1', service: 'planner' } as never],
};

function shown(stderr: Omit<Output, 'write'>, env: Record<string, string> = {}): string {
  let text = '';
  const output = { ...stderr, write: (more: string) => (text += more) };
  const hide = liveCount(collector, { stderr: output, env });
  hide();
  hide();
  return text;
}

describe('the live count, on a fake terminal', () => {
  it('takes the last row of a terminal, with what scrolls above it, and gives it back once', () => {
    const text = shown({ isTTY: true, rows: 24, columns: 80 });
    expect(text).toContain('\u001b[1;23r');
    expect(text).toContain('\u001b[24;1H\u001b[2Kthroughline: 2 spans, 1 trace, 2 services, 0 s');
    expect(text.split('\u001b[r')).toHaveLength(2);
    expect(text.endsWith('\u001b[24;1H\u001b[2K\u001b8')).toBe(true);
  });

  it('writes nothing where there is no terminal, or one that can do nothing', () => {
    expect(shown({})).toBe('');
    expect(shown({ isTTY: true, rows: 24, columns: 80 }, { TERM: 'dumb' })).toBe('');
    expect(shown({ isTTY: true, rows: 2, columns: 80 })).toBe('');
  });

  it('is cut to the width', () => {
    expect(shown({ isTTY: true, rows: 24, columns: 12 })).toContain('\u001b[2Kthroughline\u001b8');
  });
});

import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { describe, expect, it } from 'vitest';
import { crossings, openStage, strays } from '../src/index.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const service = new URL('./service.ts', import.meta.url);

describe('the stage', () => {
  it('shows that every call crossed, over stdio and HTTP', async () => {
    const stage = await openStage({ service });
    const answers = [
      ...(await stage.askMany('stdio', 5)),
      ...(await stage.askMany('http', 5)),
      ...(await stage.askMany('words', 5)),
    ];
    const { spans, stderr } = await stage.close();
    expect(stderr).toBe('');
    expect(crossings(answers, spans).filter(({ whole }) => !whole)).toEqual([]);
    expect(strays(answers, spans)).toEqual([]);
    expect(spans).toBeSound();
    expect(stage.modelRequests).toHaveLength(30);
  });

  it('shows that none crossed where nobody carries the context', async () => {
    const stage = await openStage({ service, env: { UNTRACED: '1' } });
    const answers = await stage.askMany('stdio', 5);
    const { spans } = await stage.close();
    expect(crossings(answers, spans).filter(({ whole }) => whole)).toEqual([]);
    expect(strays(answers, spans)).toHaveLength(5);
  });
});

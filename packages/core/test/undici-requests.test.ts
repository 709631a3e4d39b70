import { channel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { othersWatchUndici, watchUndici } from '@throughline/core/http';

const requests = channel('undici:request:create');

describe('who listens to the requests of undici', () => {
  test('is nobody else where only we do, which an instrumentation would be', () => {
    const heard: string[] = [];
    const ours = (): void => void heard.push('ours');
    const theirs = (): void => void heard.push('theirs');
    watchUndici(ours);
    expect(requests.hasSubscribers).toBe(true);
    expect(othersWatchUndici()).toBe(false);
    requests.subscribe(theirs);
    try {
      expect(othersWatchUndici()).toBe(true);
      // Ours is called last, and once.
      requests.publish({});
      expect(heard).toEqual(['theirs', 'ours']);
    } finally {
      requests.unsubscribe(theirs);
      requests.unsubscribe(ours);
    }
  });

  test('what listened twice is called once', () => {
    let calls = 0;
    const ours = (): void => void calls++;
    watchUndici(ours);
    watchUndici(ours);
    requests.publish({});
    requests.unsubscribe(ours);
    expect(calls).toBe(1);
  });
});

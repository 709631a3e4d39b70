import { renderTree } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { beforeAll, describe, expect, it } from 'vitest';
import { tellStory } from '../src/approval.ts';
import type { Story } from '../src/approval.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

describe('an approval that waits while its process is killed', () => {
  let story: Story;
  beforeAll(async () => {
    story = await tellStory();
  });

  it('is one whole trace', () => {
    expect(story.agentEndedBy).toBe('SIGKILL');
    expect(story.spans).toFormOneTrace(['agent', 'worker']);
    expect(
      renderTree(story.spans)
        .replaceAll(/ {2}[\d.]+ [µm]?s/g, '')
        .split('\n')
        .slice(1),
    ).toEqual([
      'agent  INTERNAL prepare payment',
      '└─ agent  PRODUCER suspend',
      '   └── handle ──▶ worker  CONSUMER approved',
      '      └─ worker  INTERNAL pay',
    ]);
  });

  it('would not be, had the agent been killed before its spans were out', () => {
    const unflushed = story.spans.filter(({ service }) => service === 'worker');
    expect(() => expect(unflushed).toBeSound(['agent', 'worker'])).toThrow('nothing came from agent');
  });
});

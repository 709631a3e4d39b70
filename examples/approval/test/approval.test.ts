import { checkTrace, renderTree } from '@throughline/verify';
import { beforeAll, describe, expect, it } from 'vitest';
import { tellStory } from '../src/approval.ts';
import type { Story } from '../src/approval.ts';

describe('an approval that waits while its process is killed', () => {
  let story: Story;
  beforeAll(async () => {
    story = await tellStory();
  });

  it('is one whole trace', () => {
    expect(story.agentEndedBy).toBe('SIGKILL');
    const report = checkTrace(story.spans);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ verdict: 'sound', traces: 1, services: ['agent', 'worker'], spans: 4, orphans: 0 });
    expect(
      renderTree(report)
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
    expect(checkTrace(unflushed)).toMatchObject({ verdict: 'broken', findings: [{ code: 'orphan' }] });
  });
});

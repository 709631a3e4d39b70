import type { Target } from '@throughline/core';
import { bullmq } from './system.ts';

/** Returns the target of what goes to a queue. */
export function queueTarget(queue: string | undefined): Target {
  return { transport: bullmq.transport, channel: 'broker', name: queue };
}

import { wrapHandler } from '@throughline/core/messaging';
import type { JobLike } from './job.ts';
import { knownJob } from './job.ts';
import { bullmqSettings } from './options.ts';
import type { BullMQOptions, BullMQSettings } from './options.ts';
import { currentProcessing, Processing } from './processing.ts';

/**
 * Returns a processor of the same type that handles each job in its trace. Under a worker with {@link traceBullMQ} it adds what BullMQ
 * does not tell its Telemetry: which attempt it is, whether the job has put itself back, what error it failed with; and refuses jobs
 * whose chain is past a limit. By itself, as in a file that BullMQ runs in a sandbox, it opens the `process {queue}` span too. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * export default tracedProcessor(async (job) => render(job.data));
 * ```
 */
export function tracedProcessor<F extends (job: never, ...rest: never[]) => unknown>(
  processor: F,
  options?: BullMQOptions,
): F {
  const settings = bullmqSettings(options);
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    const [job] = args as [JobLike];
    const work = (): unknown => Reflect.apply(processor, this, args);
    const current = currentProcessing();
    return current !== undefined && current.isOf(job) ? current.run(job, work) : alone(job, work, settings);
  };
  const traced = wrapHandler(processor as never, settings as never, wrapper as never) as unknown as F;
  // BullMQ hands its signal to processors that take three arguments.
  if (traced !== processor) Object.defineProperty(traced, 'length', { value: processor.length, configurable: true });
  return traced;
}

// No worker with our Telemetry calls it: the handling is over when the processor is.
function alone(job: JobLike, work: () => unknown, settings: BullMQSettings): unknown {
  const known = knownJob(job);
  if (known?.queue === undefined) return work();
  return new Processing(settings, known.queue, known.metadata, new Map()).alone(job, work);
}

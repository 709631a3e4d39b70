import { beSubject } from '../subject.ts';
import { startTelemetry } from '../telemetry.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Feeder, Order } from './feeder.ts';
import type { QueueVariant } from './variant.ts';

/** What a process of a section was started for. */
export interface Asked {
  readonly variants: readonly QueueVariant[];
  readonly task: string;
  /** Of the server. */
  readonly url: string;
  readonly telemetry: Telemetry;
}

/** Returns what this process was started for, its telemetry started. */
export function asked(): Asked {
  const [variants = '', task = '', url = ''] = process.argv.slice(2);
  return { variants: variants.split(';') as QueueVariant[], task, url, telemetry: startTelemetry() };
}

/** Does `count` operations of one variant. */
export type Operations = (count: number) => Promise<void>;

/** Makes this process the subject that does the operations of each variant. */
export async function serve(
  { variants, telemetry }: Asked,
  operationsOf: (variant: QueueVariant) => Operations | Promise<Operations>,
  stop?: () => Promise<unknown>,
): Promise<void> {
  const operations = new Map<string, Operations>();
  for (const variant of variants) operations.set(variant, await operationsOf(variant));
  const [only = 'bare'] = variants;
  beSubject({
    async run(count, variant = only) {
      await operations.get(variant)?.(count);
    },
    spans: telemetry.spans,
    stop: async () => void (await stop?.()),
  });
}

/** Returns operations that call back when they are done: `atOnce` of them, and the next when all are. */
export function byCallback(atOnce: number, start: (done: () => void) => void): Operations {
  const window = (): Promise<void> =>
    new Promise((resolve) => {
      let left = atOnce;
      const done = (): void => {
        if (--left === 0) resolve();
      };
      for (let nth = 0; nth < atOnce; nth++) start(done);
    });
  return async (count) => {
    for (let at = 0; at < count; at += atOnce) await window();
  };
}

/** As {@link byCallback}, of operations that give a promise. */
export function byPromise(atOnce: number, start: () => Promise<unknown>): Operations {
  return async (count) => {
    for (let at = 0; at < count; at += atOnce) await Promise.all(Array.from({ length: atOnce }, start));
  };
}

/** Operations of who receives messages, and what is to be called for each that was handled. */
export interface Receiving {
  readonly operations: Operations;
  received(): void;
}

/** Returns operations that have `order` fed again and again, each time when all of the messages before are handled. */
export function byFeeding(feeder: Feeder, order: Order): Receiving {
  let left = 0;
  let done = (): void => {};
  const window = (): Promise<void> =>
    new Promise((resolve) => {
      left = order.count;
      done = resolve;
      feeder.feed(order);
    });
  return {
    async operations(count) {
      for (let at = 0; at < count; at += order.count) await window();
    },
    received() {
      if (--left === 0) done();
    },
  };
}

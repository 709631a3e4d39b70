// A worker thread of async-context.test.ts. It tells where it runs, at its start and with each message.
import { parentPort, workerData } from 'node:worker_threads';
import { context, propagation, trace } from '@opentelemetry/api';
import { extractFields, register } from '@throughline/core';

register();
const here = (): unknown => ({
  spanId: trace.getSpanContext(context.active())?.spanId,
  tenant: propagation.getBaggage(context.active())?.getEntry('tenant')?.value,
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage({ without: here(), with: context.with(extractFields(workerData), here) });
parentPort?.once('message', (task: unknown) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ without: here(), with: context.with(extractFields(task), here) });
});

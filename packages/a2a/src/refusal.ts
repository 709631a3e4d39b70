import { isObject } from './options.ts';
import { FAILED } from './task.ts';

const ROLE_AGENT = 2;

interface Bus {
  publish(event: unknown): unknown;
}

/** Answers a request that is refused in A2A's own terms: a task that has failed, with the reason as its message. */
export function publishRefusal(bus: Bus, request: Readonly<Record<string, unknown>>, message: string): void {
  const { taskId, contextId, task } = request;
  const history: unknown = isObject(task) ? task['history'] : undefined;
  const status = {
    state: FAILED,
    message: {
      messageId: crypto.randomUUID(),
      role: ROLE_AGENT,
      taskId,
      contextId,
      parts: [{ content: { $case: 'text', value: message }, mediaType: 'text/plain', filename: '', metadata: {} }],
      metadata: {},
      extensions: [],
      referenceTaskIds: [],
    },
    timestamp: new Date().toISOString(),
  };
  // The first event has to be a task, and what ends a stream is an update.
  bus.publish({
    kind: 'task',
    data: {
      id: taskId,
      contextId,
      status,
      artifacts: [],
      history: Array.isArray(history) ? [...(history as unknown[])] : [],
      metadata: {},
    },
  });
  bus.publish({ kind: 'statusUpdate', data: { taskId, contextId, status, metadata: {} } });
}

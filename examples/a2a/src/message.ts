import { Role, TaskState } from '@a2a-js/sdk';
import type { Message, SendMessageRequest, Task } from '@a2a-js/sdk';
import { AgentEvent } from '@a2a-js/sdk/server';
import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server';

function message(text: string, more: Partial<Message> = {}): Message {
  return {
    messageId: crypto.randomUUID(),
    role: Role.ROLE_USER,
    contextId: '',
    taskId: '',
    parts: [{ content: { $case: 'text', value: text }, mediaType: 'text/plain', filename: '', metadata: undefined }],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
}

/** Returns what a client sends to ask a question. */
export function asking(question: string): SendMessageRequest {
  return { tenant: '', message: message(question), configuration: undefined, metadata: undefined };
}

/** Returns the text of a message, or the message of a task's status. */
export function textOf(said: Message | Pick<Task, 'status'> | undefined): string {
  const spoken = said !== undefined && 'parts' in said ? said : said?.status?.message;
  const content = spoken?.parts[0]?.content;
  return content?.$case === 'text' ? content.value : '';
}

/** An agent that makes a task of each question, and completes it with the answer. */
export class Answering implements AgentExecutor {
  readonly #answer: (question: string) => Promise<string>;

  constructor(answer: (question: string) => Promise<string>) {
    this.#answer = answer;
  }

  readonly execute = async (request: RequestContext, bus: ExecutionEventBus): Promise<void> => {
    const { taskId, contextId, userMessage } = request;
    const status = { state: TaskState.TASK_STATE_WORKING, message: undefined, timestamp: undefined };
    bus.publish(
      AgentEvent.task({ id: taskId, contextId, status, artifacts: [], history: [userMessage], metadata: {} }),
    );
    const text = await this.#answer(textOf(userMessage));
    bus.publish(
      AgentEvent.statusUpdate({
        taskId,
        contextId,
        status: {
          state: TaskState.TASK_STATE_COMPLETED,
          message: message(text, { role: Role.ROLE_AGENT, taskId, contextId }),
          timestamp: undefined,
        },
        metadata: {},
      }),
    );
  };

  readonly cancelTask = async (): Promise<void> => {};
}

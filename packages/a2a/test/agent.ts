import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { TaskState } from '@a2a-js/sdk';
import type { AgentCard } from '@a2a-js/sdk';
import { ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import type { Client } from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import type {
  AgentExecutor,
  ExecutionEventBus,
  PushNotificationSender,
  PushNotificationStore,
  RequestContext,
} from '@a2a-js/sdk/server';
import { jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, grpcService, UserBuilder as GrpcUserBuilder } from '@a2a-js/sdk/server/grpc';
import express from 'express';
import type { RequestHandler } from 'express';

export type Binding = 'JSONRPC' | 'HTTP+JSON' | 'GRPC';

/** Work of an agent: from a question to its answer; it may publish what it likes in between. */
export type Work = (question: string, request: RequestContext, bus: ExecutionEventBus) => unknown;

export function cardOf(supportedInterfaces: AgentCard['supportedInterfaces']): AgentCard {
  return {
    name: 'researcher',
    description: 'finds things',
    version: '1.0.0',
    supportedInterfaces,
    capabilities: { streaming: true, pushNotifications: true, extensions: [] },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [],
    securitySchemes: {},
    securityRequirements: [],
    signatures: [],
    provider: undefined,
  };
}

export function textMessage(text: string, more: object = {}) {
  return {
    messageId: crypto.randomUUID(),
    role: 1,
    contextId: '',
    taskId: '',
    parts: [
      { content: { $case: 'text' as const, value: text }, mediaType: 'text/plain', filename: '', metadata: undefined },
    ],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
}

export function asking(text: string, more: object = {}, request: object = {}): never {
  return {
    tenant: '',
    configuration: undefined,
    metadata: undefined,
    message: textMessage(text, more),
    ...request,
  } as never;
}

/** Publishes a state of the task, with a text where one is given. */
export function publishStatus(
  { taskId, contextId }: RequestContext,
  bus: ExecutionEventBus,
  state: TaskState,
  text?: string,
): void {
  const message = text === undefined ? undefined : { ...textMessage(text), role: 2, taskId, contextId };
  bus.publish(
    AgentEvent.statusUpdate({
      taskId,
      contextId,
      status: { state, message, timestamp: undefined },
      metadata: {},
    }),
  );
}

/** An executor that makes a task, works, and completes it with what the work returns. */
export class Researcher implements AgentExecutor {
  readonly work: Work;
  cancelled: (() => void)[] = [];

  constructor(work: Work) {
    this.work = work;
  }

  readonly execute = async (request: RequestContext, bus: ExecutionEventBus): Promise<void> => {
    const { taskId, contextId, userMessage, task } = request;
    const status = { state: TaskState.TASK_STATE_WORKING, message: undefined, timestamp: undefined };
    bus.publish(
      AgentEvent.task({
        ...(task ?? { id: taskId, contextId, artifacts: [], history: [userMessage], metadata: {} }),
        status,
      }),
    );
    const [part] = userMessage.parts;
    const answer = await this.work(part?.content?.$case === 'text' ? part.content.value : '', request, bus);
    if (typeof answer === 'string') publishStatus(request, bus, TaskState.TASK_STATE_COMPLETED, answer);
  };

  readonly cancelTask = async (taskId: string, bus: ExecutionEventBus): Promise<void> => {
    publishStatus({ taskId, contextId: 'c' } as RequestContext, bus, TaskState.TASK_STATE_CANCELED);
    for (const cancel of this.cancelled) cancel();
  };
}

export interface Agent {
  readonly card: AgentCard;
  readonly url: string;
  close(): Promise<void>;
}

export interface AgentOptions {
  readonly executor: AgentExecutor;
  readonly before?: readonly RequestHandler[];
  readonly push?: { readonly store: PushNotificationStore; readonly sender: PushNotificationSender };
}

/** Serves an agent on a real port: JSON-RPC under `/`, REST under `/rest`, gRPC on a port of its own. */
export async function startAgent({ executor, before = [], push }: AgentOptions): Promise<Agent> {
  const app = express();
  for (const handler of before) app.use(handler);
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const grpc = new GrpcServer();
  const card = cardOf([]);
  const handler = new DefaultRequestHandler(
    card,
    new InMemoryTaskStore(),
    executor,
    undefined,
    push?.store,
    push?.sender,
  );
  grpc.addService(A2AService, grpcService({ requestHandler: handler, userBuilder: GrpcUserBuilder.noAuthentication }));
  const grpcPort = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  const shared = { tenant: '', protocolVersion: '1.0' };
  card.supportedInterfaces.push(
    { ...shared, url, protocolBinding: 'JSONRPC' },
    { ...shared, url: `${url}/rest`, protocolBinding: 'HTTP+JSON' },
    { ...shared, url: `127.0.0.1:${grpcPort}`, protocolBinding: 'GRPC' },
  );
  const given = { requestHandler: handler, userBuilder: UserBuilder.noAuthentication };
  app.use('/rest', restHandler(given));
  app.use('/', jsonRpcHandler(given));
  return {
    card,
    url,
    close: async () => {
      grpc.forceShutdown();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Returns a client of the SDK, which nobody traces, over one binding. */
export async function clientOf(
  { card }: Pick<Agent, 'card'>,
  binding: Binding,
  fetchImpl?: typeof fetch,
): Promise<Client> {
  const options = fetchImpl === undefined ? {} : { fetchImpl };
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory(options), new RestTransportFactory(options), new GrpcTransportFactory()],
    preferredTransports: [binding],
  });
  return factory.createFromAgentCard(card);
}

/** The text of the answer that a task holds. */
export function answerOf(task: unknown): string | undefined {
  const { status } = task as { status?: { message?: { parts?: { content?: { value?: string } }[] } } };
  return status?.message?.parts?.[0]?.content?.value;
}

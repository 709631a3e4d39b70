/** What a client is given, for input that no broker takes, and to see that nothing but headers is touched. */
export function fakeProducer(answer: () => unknown = () => []): { producer: FakeLike; sent: Sent[] } {
  const sent: Sent[] = [];
  const take = async (argument: unknown): Promise<unknown> => {
    sent.push(argument as Sent);
    return answer();
  };
  return { producer: { send: take, sendBatch: take }, sent };
}

export interface FakeLike {
  send(record: unknown): Promise<unknown>;
  sendBatch(batch: unknown): Promise<unknown>;
}

export interface SentMessage {
  readonly value?: unknown;
  readonly headers?: Record<string, unknown>;
  readonly [member: string]: unknown;
}

export interface Sent {
  readonly topic: string;
  readonly messages: readonly SentMessage[];
  readonly topicMessages: readonly { readonly topic: string; readonly messages: readonly SentMessage[] }[];
  readonly [member: string]: unknown;
}

/** The part of a message that is read here, sent or received; kafkajs and Confluent's client both have it. */
export interface MessageLike {
  readonly key?: Uint8Array | string | null | undefined;
  readonly value?: Uint8Array | string | null | undefined;
  readonly headers?: object | null | undefined;
  /** Milliseconds since 1970. Whatever the producer set. */
  readonly timestamp?: string | number | undefined;
  readonly offset?: string | undefined;
}

/** Headers as kafkajs takes them. */
export interface MessageHeaders {
  [name: string]: Buffer | string | (Buffer | string)[] | undefined;
}

/**
 * Returns the class of an error: for one of kafkajs the protocol's name, such as `UNKNOWN_TOPIC_OR_PARTITION`, or the
 * error's own, because its `code` is a number; for others `undefined`, so that core decides.
 */
export function kafkaErrorType(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, type } = error as { name?: unknown; type?: unknown };
  if (typeof name !== 'string' || !name.startsWith('KafkaJS')) return undefined;
  return typeof type === 'string' && type !== '' ? type : name;
}

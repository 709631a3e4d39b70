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

/** What kafkajs throws around the error that it gave up on. */
const wrappers: ReadonlySet<unknown> = new Set(['KafkaJSNumberOfRetriesExceeded', 'KafkaJSNonRetriableError']);
const MAX_DEPTH = 8;

/**
 * Returns the class of an error: for one of kafkajs the protocol's name, such as `UNKNOWN_TOPIC_OR_PARTITION`, the network's code,
 * such as `ECONNREFUSED`, or else its own name; of an error that is around another, that of the other. For others `undefined`, so
 * that core decides.
 */
export function kafkaErrorType(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return undefined;
  const { name, type, code, cause } = error as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || !name.startsWith('KafkaJS')) return undefined;
  if (typeof type === 'string' && type !== '') return type;
  // That of a protocol error is a number.
  if (typeof code === 'string' && code !== '') return code;
  return (wrappers.has(name) ? kafkaErrorType(cause, depth + 1) : undefined) ?? name;
}

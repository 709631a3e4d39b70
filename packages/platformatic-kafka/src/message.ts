/** The part of a received `Message` that is read here. */
export interface MessageLike {
  readonly topic: string;
  readonly partition: number;
  readonly key?: unknown;
  readonly value?: unknown;
  readonly headers?: unknown;
  /** Every header in its order, repeated ones too, which a Map of strings cannot hold. */
  readonly headerEntries?: unknown;
  readonly timestamp?: unknown;
  readonly offset?: unknown;
}

/** Every header in its order where the client gives that, else the Map. */
export function headersOf(message: MessageLike | null | undefined): unknown {
  try {
    return message?.headerEntries ?? message?.headers;
  } catch {
    return undefined;
  }
}

/**
 * Returns the class of an error: for a failed request the protocol's name, such as `UNKNOWN_TOPIC_OR_PARTITION`, where the
 * client has it among the causes; for what failed several times, or on the network, the code of the first failure, such as `ECONNREFUSED`;
 * else `undefined`, so that core takes the client's own code.
 */
export function errorTypeOf(error: unknown): string | undefined {
  return protocolName(error, 0) ?? codeBehind(error, 0);
}

const wrappers: ReadonlySet<unknown> = new Set(['PLT_KFK_MULTIPLE', 'PLT_KFK_NETWORK']);

const MAX_DEPTH = 8;

function protocolName(error: unknown, depth: number): string | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return undefined;
  const { apiId, cause, errors } = error as { apiId?: unknown; cause?: unknown; errors?: unknown };
  if (typeof apiId === 'string' && apiId !== '') return apiId;
  for (const inner of Array.isArray(errors) ? (errors as unknown[]) : []) {
    const found = protocolName(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return protocolName(cause, depth + 1);
}

function codeBehind(error: unknown, depth: number): string | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return undefined;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code !== 'string') return undefined;
  if (!wrappers.has(code)) return depth === 0 ? undefined : code;
  return codeBehind(Array.isArray(errors) ? (errors as unknown[])[0] : cause, depth + 1) ?? code;
}

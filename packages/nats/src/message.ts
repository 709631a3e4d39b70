/** Headers as NATS clients hold them: the part of `MsgHdrs` that is read here. */
export interface HeadersLike extends Iterable<[string, string[]]> {
  readonly code: number;
  readonly description: string;
}

/** The part of a received message that is read here. */
export interface MessageLike {
  readonly subject: string;
  readonly reply?: string | undefined;
  readonly data?: Uint8Array | undefined;
  readonly headers?: HeadersLike | undefined;
}

/** The part of a message of JetStream that is read here. */
export interface JetStreamMessageLike extends MessageLike {
  readonly info: {
    readonly stream: string;
    readonly consumer: string;
    readonly deliveryCount: number;
    readonly timestampNanos: number;
  };
}

/** Returns whether these are headers of a NATS client: what holds them can be iterated. */
export function isHeaders(headers: unknown): headers is HeadersLike {
  return (
    typeof headers === 'object' &&
    headers !== null &&
    typeof (headers as Partial<HeadersLike>)[Symbol.iterator] === 'function'
  );
}

/** Returns whether this is a message at all, and none that the protocol uses for itself: heartbeats, timeouts, no responders. */
export function isArrival(message: unknown): message is MessageLike {
  if (typeof message !== 'object' || message === null) return false;
  const { subject, headers } = message as Partial<MessageLike>;
  return typeof subject === 'string' && subject !== '' && !(typeof headers?.code === 'number' && headers.code > 0);
}

/** Returns the first value of a header, by its exact name. */
export function headerOf(headers: unknown, name: string): string | undefined {
  if (!isHeaders(headers)) return undefined;
  for (const [key, values] of headers) if (key === name) return values[0];
  return undefined;
}

/**
 * Returns the class of an error: for one of NATS its own name, such as `TimeoutError`, of one that is around another that of the other,
 * such as `NoResponders`; for one of JetStream's API its number too. For others `undefined`, so that core decides.
 */
export function natsErrorType(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, cause, code } = error as Readonly<Record<string, unknown>>;
  if (name === 'RequestError') return nameOf(cause) ?? 'RequestError';
  if (name === 'JetStreamNotEnabled') return name;
  if (name === 'JetStreamApiError' && typeof code === 'number') return `${name}.${code}`;
  return undefined;
}

function nameOf(error: unknown): string | undefined {
  const name = typeof error === 'object' && error !== null ? (error as { name?: unknown }).name : undefined;
  return typeof name === 'string' && /^\w{1,64}$/.test(name) ? name : undefined;
}

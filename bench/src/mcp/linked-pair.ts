/** Returns what `createLinkedPair` does, of a class that may be an heir of the SDK's `InMemoryTransport`. */
export function linkedPair<T extends object>(Transport: new () => T): [T, T] {
  const [one, other] = [new Transport(), new Transport()];
  Object.assign(one, { _otherTransport: other });
  Object.assign(other, { _otherTransport: one });
  return [one, other];
}

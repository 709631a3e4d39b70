import type { CollectedSpan } from '@throughline/verify';

/** Whether both ends of a hop can be those of one connection, as far as they say: a proxy between has a port of its own. */
export function isDirect(sender: CollectedSpan, receiver: CollectedSpan): boolean {
  const [called, served] = [portOf(sender, 'net.peer.port'), portOf(receiver, 'net.host.port')];
  return called === undefined || served === undefined || called === served;
}

function portOf({ attributes }: CollectedSpan, old: string): number | undefined {
  const said = attributes['server.port'] ?? attributes[old];
  if (said !== undefined) return Number(said);
  const url = attributes['url.full'] ?? attributes['http.url'];
  const port = typeof url === 'string' ? URL.parse(url)?.port : undefined;
  return port === undefined || port === '' ? undefined : Number(port);
}

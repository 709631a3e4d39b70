import type { Channel } from 'node:diagnostics_channel';

// undici, and with it Node's own fetch, tells of each request here before it writes the headers: of each one of a redirect too.
// https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
const CREATE = 'undici:request:create';

/** What hears of a request. It must not throw: that would end the process. */
export type RequestListener = (message: unknown) => void;

// One account for the process, whichever copies of this package are loaded, in the order in which they are called.
const ownKey = Symbol.for('throughline.undici-listeners');

function own(): Set<RequestListener> {
  const holder = globalThis as { [ownKey]?: Set<RequestListener> };
  return (holder[ownKey] ??= new Set());
}

let channel: Channel | undefined;

// Not an import: this module also runs where `node:` is unknown.
function requests(): Channel | undefined {
  return (channel ??= globalThis.process?.getBuiltinModule?.('node:diagnostics_channel')?.channel(CREATE));
}

/** Calls the listener for each request of undici, after all who listen by now. Does nothing where the platform does not tell. */
export function watchUndici(listener: RequestListener): void {
  const found = requests();
  if (found === undefined) return;
  found.unsubscribe(listener);
  found.subscribe(listener);
  own().delete(listener);
  own().add(listener);
}

/** Whether anybody who is not ours listens to undici's requests, such as an instrumentation, which adds headers of its own. */
export function othersWatchUndici(): boolean {
  const found = requests();
  if (found === undefined) return false;
  const listeners = own();
  for (const listener of listeners) found.unsubscribe(listener);
  const others = found.hasSubscribers;
  for (const listener of listeners) found.subscribe(listener);
  return others;
}

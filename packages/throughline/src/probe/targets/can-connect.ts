import { connect } from 'node:net';

/** Whether something listens where a URL points. Sends nothing. */
export function canConnect(url: URL, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    // Brackets are of URLs alone.
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port, timeout: timeoutMs });
    const settle = (isThere: boolean): void => {
      resolve(isThere);
      socket.destroy();
    };
    socket.on('connect', () => settle(true));
    socket.on('error', () => settle(false));
    socket.on('timeout', () => settle(false));
  });
}

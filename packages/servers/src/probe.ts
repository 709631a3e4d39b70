/** Asks a broker who it is, in one Metadata request: the sign that it serves, without a client library. */
import { connect } from 'node:net';

const METADATA = 3;
/** The first version whose answer names the cluster. https://kafka.apache.org/protocol#The_Messages_Metadata */
const METADATA_VERSION = 2;
const MAX_ANSWER_BYTES = 1 << 20;

export interface ClusterMetadata {
  /** `host:port` of each broker that takes requests. */
  brokers: string[];
  clusterId: string | undefined;
}

/** Returns what the broker at `address` (`host:port`) says of its cluster, or `undefined` when it does not answer in time. */
export function probeBroker(address: string, timeoutMs: number = 1000): Promise<ClusterMetadata | undefined> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answer: ClusterMetadata | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(done, timeoutMs, undefined);
    let received: Buffer = Buffer.alloc(0);
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > MAX_ANSWER_BYTES) return done(undefined);
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      done(parseMetadata(received));
    });
    socket.on('error', () => done(undefined));
    socket.on('close', () => done(undefined));
  });
}

function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  if (colon < 0) return { host: address, port: 9092 };
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

function metadataRequest(): Buffer {
  const client = Buffer.from('throughline');
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4);
  let at = request.writeInt32BE(request.length - 4, 0);
  at = request.writeInt16BE(METADATA, at);
  at = request.writeInt16BE(METADATA_VERSION, at);
  at = request.writeInt32BE(1, at); // correlation id
  at = request.writeInt16BE(client.length, at);
  at += client.copy(request, at);
  request.writeInt32BE(0, at); // no topics
  return request;
}

function parseMetadata(answer: Buffer): ClusterMetadata | undefined {
  let at = 8; // past length and correlation id
  const readString = (): string | undefined => {
    const length = answer.readInt16BE(at);
    at += 2;
    if (length < 0) return undefined;
    at += length;
    return answer.toString('utf8', at - length, at);
  };
  try {
    const brokers: string[] = [];
    const count = answer.readInt32BE(at);
    at += 4;
    for (let index = 0; index < count; index++) {
      at += 4; // node id
      const host = readString() ?? '';
      brokers.push(`${host}:${answer.readInt32BE(at)}`);
      at += 4;
      readString(); // rack
    }
    return { brokers, clusterId: readString() };
  } catch {
    return undefined; // something else listens there
  }
}

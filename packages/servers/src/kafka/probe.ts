/** Asks a broker who it is, in one Metadata request: the sign that it serves, without a client library. */
import { ask } from '../answer.ts';

const METADATA = 3;
/** The first version whose answer names the cluster. https://kafka.apache.org/protocol#The_Messages_Metadata */
const METADATA_VERSION = 2;

export interface ClusterMetadata {
  /** `host:port` of each broker that takes requests. */
  brokers: string[];
  clusterId: string | undefined;
}

/** Returns what the broker at `address` (`host:port`) says of its cluster, or `undefined` when it does not answer in time. */
export async function probeBroker(address: string): Promise<ClusterMetadata | undefined> {
  const { host, port } = parseAddress(address);
  const answer = await ask(host, port, {
    say: metadataRequest(),
    complete: (bytes) => bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0),
  });
  return answer && parseMetadata(answer);
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

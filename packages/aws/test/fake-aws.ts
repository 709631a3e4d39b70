import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that a client of the SDK made. */
export interface Recorded {
  readonly operation: string;
  readonly input: Record<string, unknown>;
}

export interface FakeAws extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: Recorded[];
  /** What it answers with, by operation; in place of an answer that all was taken. */
  answer: ((request: Recorded) => object | undefined) | undefined;
}

/**
 * Starts a server on loopback that records what SNS and EventBridge are asked, and answers as they do: there is no server of theirs to be
 * had here. It is no broker, and nothing arrives anywhere.
 */
export async function startFakeAws(): Promise<FakeAws> {
  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    req.on('end', () => {
      const target = req.headers['x-amz-target'];
      const request =
        typeof target === 'string'
          ? { operation: target.slice(target.indexOf('.') + 1), input: JSON.parse(body) as Record<string, unknown> }
          : queryRequest(body);
      fake.requests.push(request);
      const given = fake.answer?.(request);
      if (typeof target === 'string') {
        res.setHeader('content-type', 'application/x-amz-json-1.1');
        res.end(JSON.stringify(given ?? eventsAnswer(request)));
      } else {
        res.setHeader('content-type', 'text/xml');
        res.end(xml(request.operation, given ?? snsAnswer(request)));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fake: FakeAws = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

// The protocol `awsQuery` of SNS: `MessageAttributes.entry.1.Name=…&MessageAttributes.entry.1.Value.StringValue=…`.
function queryRequest(body: string): Recorded {
  const input: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(body)) {
    const path = key.split('.');
    let at = input;
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>;
    at[path.at(-1) as string] = value;
  }
  return { operation: String(input['Action']), input };
}

function eventsAnswer({ input }: Recorded): object {
  const entries = input['Entries'] as unknown[];
  return { FailedEntryCount: 0, Entries: entries.map((_, at) => ({ EventId: `event-${at}` })) };
}

function snsAnswer({ operation, input }: Recorded): object {
  if (operation === 'Publish') return { MessageId: 'message-0' };
  const entries = Object.values((input['PublishBatchRequestEntries'] as { member: object }).member) as { Id: string }[];
  return { Successful: entries.map(({ Id }, at) => ({ Id, MessageId: `message-${at}` })), Failed: [] };
}

function xml(operation: string, answer: object): string {
  return `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${operation}Result>${members(answer)}</${operation}Result><ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></${operation}Response>`;
}

function members(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.map((one) => `<member>${members(one)}</member>`).join('');
  return Object.entries(value)
    .map(([name, one]) => `<${name}>${members(one)}</${name}>`)
    .join('');
}

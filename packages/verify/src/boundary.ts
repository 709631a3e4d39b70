import {
  A2A_METHOD_NAME,
  A2A_PROTOCOL_BINDING,
  A2A_TASK_ID,
  GEN_AI_TOOL_NAME,
  HTTP_METHOD,
  HTTP_REQUEST_METHOD,
  MCP_METHOD_NAME,
  MESSAGING_DESTINATION_NAME,
  MESSAGING_SYSTEM,
  NETWORK_TRANSPORT,
  RPC_SYSTEM,
  SERVER_ADDRESS,
  SERVER_PORT,
  THROUGHLINE_TRANSPORT,
} from './conventions.ts';
import { printable } from './printable.ts';
import type { CollectedSpan } from './span.ts';

/** What a hop crosses. */
export interface Boundary {
  /** `http`, `kafka`, `mcp`, …; `unknown` where neither end says. */
  readonly transport: string;
  /** The transport and its channel, for people: `http`, `kafka tasks`, `mcp stdio`. Safe to print. */
  readonly label: string;
}

/** Returns what lies between a span and its parent. The receiving end is asked first, then the sending one. */
export function boundaryOf(receiver: CollectedSpan, sender?: CollectedSpan): Boundary {
  const end = [receiver, sender].find((span) => span !== undefined && transportOf(span) !== undefined);
  const transport = end && transportOf(end);
  if (end === undefined || transport === undefined) return { transport: 'unknown', label: 'unknown' };
  const channel = channelOf(end, transport);
  return {
    transport,
    label: channel === undefined ? printable(transport) : `${printable(transport)} ${printable(channel)}`,
  };
}

/**
 * Returns what both ends of a hop agree on, so that the two can be matched when the trace between them is lost: the topic,
 * the tool, the server's address. `undefined` where the span does not say.
 */
export function meetingPointOf(span: CollectedSpan): string | undefined {
  const { attributes } = span;
  const transport = transportOf(span);
  const channel =
    textOf(attributes[MESSAGING_DESTINATION_NAME]) ??
    textOf(attributes[GEN_AI_TOOL_NAME]) ??
    textOf(attributes[MCP_METHOD_NAME]) ??
    taskOf(span) ??
    addressOf(span);
  return transport === undefined || channel === undefined ? undefined : `${transport} ${channel}`;
}

// Of a call that made no task there is the method alone.
function taskOf({ attributes }: CollectedSpan): string | undefined {
  const method = textOf(attributes[A2A_METHOD_NAME]);
  const task = textOf(attributes[A2A_TASK_ID]);
  return method === undefined || task === undefined ? method : `${method} ${task}`;
}

function addressOf({ attributes }: CollectedSpan): string | undefined {
  const port = attributes[SERVER_PORT];
  return typeof port === 'number' ? `${hostOf(textOf(attributes[SERVER_ADDRESS]) ?? '')}:${port}` : undefined;
}

// Tracers write one host differently: in other letters, with brackets, with the dot of an absolute name.
function hostOf(address: string): string {
  const name = address.endsWith('.') ? address.slice(0, -1) : address;
  return (name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name).toLowerCase();
}

function transportOf({ attributes }: CollectedSpan): string | undefined {
  const named =
    textOf(attributes[THROUGHLINE_TRANSPORT]) ??
    (attributes[MCP_METHOD_NAME] === undefined ? undefined : 'mcp') ??
    (attributes[A2A_METHOD_NAME] === undefined ? undefined : 'a2a') ??
    textOf(attributes[MESSAGING_SYSTEM]) ??
    textOf(attributes[RPC_SYSTEM]);
  if (named !== undefined) return named;
  return (attributes[HTTP_REQUEST_METHOD] ?? attributes[HTTP_METHOD]) ? 'http' : undefined;
}

function channelOf({ attributes }: CollectedSpan, transport: string): string | undefined {
  const destination = textOf(attributes[MESSAGING_DESTINATION_NAME]);
  if (destination !== undefined) return destination;
  if (transport === 'a2a') return textOf(attributes[A2A_PROTOCOL_BINDING]);
  if (transport !== 'mcp') return undefined;
  const network = textOf(attributes[NETWORK_TRANSPORT]);
  return network === 'pipe' ? 'stdio' : network === 'tcp' ? 'http' : network;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

import type { Context, Span } from '@opentelemetry/api';
import { isPrivateAddress } from '../policy/host.ts';
import type { Peer, Target } from '../parties.ts';
import type { InboundHop } from './hop.ts';
import { channelOf, peerOf } from './peer.ts';
import { flagged } from '../w3c/trace-context.ts';
import type { HopSettings } from '../policy/settings.ts';
import { formatTraceparent, parseTraceparent } from '../w3c/traceparent.ts';
import { SAMPLED_FLAG } from './trust.ts';

/**
 * The name under which a receiver that restarted a trace answers with its own new context: an HTTP response header, and a key
 * of the `_meta` of an MCP result. https://w3c.github.io/trace-context/#traceresponse-header
 */
export const answerField = 'traceresponse';

/**
 * Returns what to answer to a caller whose trace was restarted with a link, so that its span can link ours and the chain is
 * found from either end: `00-{trace id}-{span id}-{flags}`, or `undefined` where the caller is not to know.
 */
export function answerTo(
  hop: InboundHop,
  peer: Peer | undefined,
  context: Context,
  span: Span,
  settings: HopSettings,
): string | undefined {
  if (!isAnswered(hop, peer, settings)) return undefined;
  return formatTraceparent(flagged(context, span.spanContext()));
}

function isAnswered(hop: InboundHop, known: Peer | undefined, settings: HopSettings): boolean {
  const { answer = 'first-party', authenticated, firstParty } = settings.options;
  if (typeof answer === 'boolean') return answer;
  const peer = known ?? peerOf(hop, settings);
  if (peer?.authenticated !== undefined) return peer.authenticated;
  // Where the user says how to know, not knowing is an answer.
  if (answer === 'authenticated' || peer === undefined || authenticated !== undefined || firstParty === false)
    return false;
  if (channelOf(hop) !== 'host') return true;
  // Behind a proxy the address is the proxy's, or what somebody wrote into a header.
  return (
    peer.address !== undefined &&
    isPrivateAddress(peer.address) &&
    forwarding.every((name) => peer.headers.get(name) === undefined)
  );
}

const forwarding = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];

/**
 * Links the span of a call to what its receiver answered, where that counts: a valid context of another trace, that will be
 * exported, from a first party.
 */
export function linkAnswer(span: Span, target: Target, value: unknown, settings: HopSettings): void {
  const { answer = 'first-party' } = settings.options;
  if (answer === false || typeof value !== 'string' || !span.isRecording()) return;
  if (answer !== true && !settings.firstParty(target)) return;
  const context = parseTraceparent(value);
  if (context === undefined || context.traceId === span.spanContext().traceId) return;
  // A link to a span that nobody exports leads nowhere.
  if ((context.traceFlags & SAMPLED_FLAG) !== 0) span.addLink({ context });
}

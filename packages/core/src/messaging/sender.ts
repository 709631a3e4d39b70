import type { HopSettings } from '../policy/settings.ts';
import type { MessagingClient, Place } from './attributes.ts';
import type { MessageShape } from './message-shape.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { OpenHops } from '../hop/open-hops.ts';
import type { SendStart } from './topic-start.ts';

/** What the calls of one producer share. */
export interface Sender extends MessagingClient {
  readonly hop: HopSettings;
  readonly shape: MessageShape;
  readonly spanPerMessage: boolean;
  /** Whether this call of the client's own runs under suppressed tracing. */
  readonly suppresses: (call: unknown) => boolean;
  /** Where the broker put the messages of a send, as the client's answer says. */
  readonly places: (answer: unknown) => Iterable<Place>;
  readonly metrics: () => MessagingMetrics | undefined;
  readonly open: OpenHops;
  /** Gives what a `send` to a topic says at its start. */
  readonly start: (topic: string) => SendStart;
  /** The class of an error that the client knows better than core. */
  readonly errorType: (error: unknown) => string | undefined;
}

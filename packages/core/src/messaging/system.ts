import type { Span } from '@opentelemetry/api';
import type { Transport } from '../parties.ts';

/** A messaging system, as data: everything that the spans and metrics of its adapters say of it and of no other. */
export interface MessagingSystem {
  /** `messaging.system`, as the conventions name it. */
  readonly name: string;
  /** What hops, peers and targets call it: `throughline.hops{transport}`. */
  readonly transport: Transport;
  /**
   * Tells a recorded span what the system's own conventions say of one message: one to send, one that was received, or the
   * {@link Place} where the broker put one. May throw: a message holds anything. `recordKey` says whether the message's key may be
   * told, which may name a person.
   */
  describe(span: Span, message: object, recordKey: boolean): void;
}

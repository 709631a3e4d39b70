// https://opentelemetry.io/docs/specs/semconv/registry/attributes/messaging/
export const ATTR_MESSAGING_SYSTEM = 'messaging.system';
export const ATTR_MESSAGING_OPERATION_NAME = 'messaging.operation.name';
export const ATTR_MESSAGING_OPERATION_TYPE = 'messaging.operation.type';
export const ATTR_MESSAGING_DESTINATION_NAME = 'messaging.destination.name';
export const ATTR_MESSAGING_DESTINATION_TEMPLATE = 'messaging.destination.template';
export const ATTR_MESSAGING_DESTINATION_TEMPORARY = 'messaging.destination.temporary';
export const ATTR_MESSAGING_CONSUMER_GROUP_NAME = 'messaging.consumer.group.name';
export const ATTR_MESSAGING_MESSAGE_ID = 'messaging.message.id';

// Our own; the conventions have none for NATS.
/** The JetStream stream that holds a message. */
export const ATTR_STREAM = 'throughline.nats.stream';
/** How often a message was delivered, this time too. */
export const ATTR_DELIVERY_COUNT = 'throughline.nats.delivery_count';
/** How a message was settled: `ack`, `nak`, `term`. */
export const ATTR_SETTLEMENT = 'throughline.nats.settlement';
/** Whether a stream held the message already. */
export const ATTR_DUPLICATE = 'throughline.nats.duplicate';

// https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md#error-handling
export const SERVICE_ERROR = 'Nats-Service-Error';
export const SERVICE_ERROR_CODE = 'Nats-Service-Error-Code';

// https://docs.nats.io/nats-concepts/jetstream/headers
export const MESSAGE_ID = 'Nats-Msg-Id';

export { addMessage, processAttributes, type DescribedMessage, type MessagingClient } from './attributes.ts';
export { endAll, refusalOf, sendAll, settle, type Placed } from './calling.ts';
export {
  ATTR_KAFKA_OFFSET,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  KAFKA,
} from './conventions.ts';
export { CreationLinks } from './links.ts';
export { messageAge, offsetNumber } from './message.ts';
export { messagingMetrics, type MessagingMetrics } from './metrics.ts';
export { OpenHops } from './open-hops.ts';
export { startTopic, type MessageShape, type Outgoing, type Sender, type WrittenFields } from './outgoing.ts';
export { runHandler, runRefused, type Delivery, type OnRefused, type Receiver } from './receiving.ts';

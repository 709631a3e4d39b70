export { addMessage, processAttributes, type DescribedMessage, type MessagingClient } from './attributes.ts';
export { endAll, refusalOf, sendAll, settle, type Placed } from './calling.ts';
export {
  ATTR_KAFKA_OFFSET,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  KAFKA,
} from './conventions.ts';
export { createMessage } from './create.ts';
export { CreationLinks } from './links.ts';
export { messageAge, offsetNumber } from './message.ts';
export type { MessageShape, WrittenFields } from './message-shape.ts';
export { startTopic } from './outgoing.ts';
export type { Outgoing } from './outgoing-topic.ts';
export { receiverSettings, senderSettings, type ReceiverOptions, type SenderOptions } from './options.ts';
export { runHandler, runRefused, startProcess, type Delivery, type OnRefused, type Receiver } from './receiving.ts';
export type { Sender } from './sender.ts';

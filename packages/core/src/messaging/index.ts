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
export {
  createMessage,
  startTopic,
  type MessageShape,
  type Outgoing,
  type Sender,
  type WrittenFields,
} from './outgoing.ts';
export { receiverSettings, senderSettings, type ReceiverOptions, type SenderOptions } from './options.ts';
export { runHandler, runRefused, startProcess, type Delivery, type OnRefused, type Receiver } from './receiving.ts';

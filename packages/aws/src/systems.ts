import type { MessagingSystem } from '@throughline/core/messaging';
import { ATTR_MESSAGE_ID, ATTR_SNS_TOPIC_ARN, ATTR_SQS_QUEUE_URL } from './conventions.ts';

function told(name: string, transport: string): MessagingSystem {
  return {
    name,
    transport,
    describe(span, message) {
      const { MessageId: id, QueueUrl: queue, TopicArn: topic } = message as Readonly<Record<string, unknown>>;
      if (typeof id === 'string') span.setAttribute(ATTR_MESSAGE_ID, id);
      if (typeof queue === 'string') span.setAttribute(ATTR_SQS_QUEUE_URL, queue);
      if (typeof topic === 'string') span.setAttribute(ATTR_SNS_TOPIC_ARN, topic);
    },
  };
}

/** Amazon SQS. https://opentelemetry.io/docs/specs/semconv/messaging/sqs/ */
export const sqs: MessagingSystem = told('aws_sqs', 'sqs');

/** Amazon SNS. https://opentelemetry.io/docs/specs/semconv/messaging/sns/ */
export const sns: MessagingSystem = told('aws.sns', 'sns');

/** Amazon EventBridge, which the conventions do not name. */
export const eventBridge: MessagingSystem = told('aws.eventbridge', 'eventbridge');

/** Returns the name of a queue by its URL, or by its ARN, or as it is. */
export function queueName(queue: string): string {
  const end = queue.endsWith('/') ? queue.length - 1 : queue.length;
  const at = Math.max(queue.lastIndexOf('/', end - 1), queue.startsWith('arn:') ? queue.lastIndexOf(':', end - 1) : -1);
  return queue.slice(at + 1, end) || queue;
}

/**
 * Returns the name of a topic by its ARN. Of an endpoint of mobile push its id is left out, and a phone number is never named.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-create-topic.html
 */
export function topicName(arn: unknown): string {
  if (typeof arn !== 'string' || arn === '') return 'sms';
  const resource = arn.slice(arn.lastIndexOf(':') + 1);
  return resource.startsWith('endpoint/') ? resource.slice(0, resource.lastIndexOf('/')) : resource || arn;
}

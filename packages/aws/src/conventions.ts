// https://opentelemetry.io/docs/specs/semconv/messaging/sqs/ and https://opentelemetry.io/docs/specs/semconv/messaging/sns/
export const ATTR_MESSAGE_ID = 'messaging.message.id';
export const ATTR_SQS_QUEUE_URL = 'aws.sqs.queue.url';
export const ATTR_SNS_TOPIC_ARN = 'aws.sns.topic.arn';

// https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/ and https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/
export const ATTR_FAAS_TRIGGER = 'faas.trigger';
export const ATTR_FAAS_INVOCATION_ID = 'faas.invocation_id';
export const ATTR_FAAS_COLDSTART = 'faas.coldstart';
export const ATTR_CLOUD_RESOURCE_ID = 'cloud.resource_id';

// Our own; the conventions have none.
/** How many messages of a batch were not taken: by the service that they were sent to, or by the handler. */
export const ATTR_BATCH_FAILED = 'throughline.batch.failed';

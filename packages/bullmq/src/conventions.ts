// https://opentelemetry.io/docs/specs/semconv/registry/attributes/messaging/
export const ATTR_MESSAGING_SYSTEM = 'messaging.system';
export const ATTR_MESSAGING_OPERATION_NAME = 'messaging.operation.name';
export const ATTR_MESSAGING_OPERATION_TYPE = 'messaging.operation.type';
export const ATTR_MESSAGING_DESTINATION_NAME = 'messaging.destination.name';
export const ATTR_MESSAGING_MESSAGE_ID = 'messaging.message.id';
export const ATTR_MESSAGING_BATCH_MESSAGE_COUNT = 'messaging.batch.message_count';
export const ATTR_MESSAGING_CLIENT_ID = 'messaging.client.id';

// BullMQ's own, as it hands them to a Telemetry: `TelemetryAttributes`.
// https://docs.bullmq.io/guide/telemetry
export const ATTR_QUEUE_NAME = 'bullmq.queue.name';
export const ATTR_QUEUE_OPERATION = 'bullmq.queue.operation';
export const ATTR_JOB_ID = 'bullmq.job.id';
export const ATTR_JOB_NAME = 'bullmq.job.name';
export const ATTR_JOB_ATTEMPTS_MADE = 'bullmq.job.attempts.made';
export const ATTR_JOB_SCHEDULER_ID = 'bullmq.job.scheduler.id';
export const ATTR_JOB_FAILED_REASON = 'bullmq.job.failed.reason';
export const ATTR_BULK_COUNT = 'bullmq.job.bulk.count';
export const ATTR_WORKER_ID = 'bullmq.worker.id';
export const ATTR_WORKER_NAME = 'bullmq.worker.name';

// Our own; the conventions have none.
/** Seconds between the time that a job could start, its delay over, and the start of its handling. */
export const ATTR_QUEUE_DURATION = 'throughline.queue.duration';
/** The attempt, where it is not the first. */
export const ATTR_LINEAGE_ATTEMPT = 'throughline.lineage.attempt';

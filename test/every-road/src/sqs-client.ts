import { SQSClient } from '@aws-sdk/client-sqs';
import { setting } from './stations.ts';

/** A client of the queue that the starter started. */
export function sqsClient(): SQSClient {
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  return new SQSClient({ endpoint: setting('SQS_ENDPOINT'), region: 'elasticmq', credentials });
}

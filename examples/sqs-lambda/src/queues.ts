/** A client of the queues at `SQS_URL`. */
import { SQSClient } from '@aws-sdk/client-sqs';

export function newClient(endpoint: string): SQSClient {
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  return new SQSClient({ endpoint, region: 'elasticmq', credentials });
}

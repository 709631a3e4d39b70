/** One message to a server and all of them back, by the client that people use. */
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { connect as connectAmqp } from 'amqplib';
import { Redis } from 'ioredis';

export interface TestClient {
  /** Resolves once the server has acknowledged it. */
  put(url: string, text: string): Promise<void>;
  /** The first `count`, in their order. */
  take(url: string, count: number): Promise<string[]>;
}

const QUEUE = 'kept';

export const rabbitmq: TestClient = {
  async put(url, text) {
    const connection = await connectAmqp(url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(QUEUE, { durable: true });
    channel.sendToQueue(QUEUE, Buffer.from(text), { persistent: true });
    await channel.waitForConfirms();
    await connection.close();
  },
  async take(url, count) {
    const connection = await connectAmqp(url);
    const channel = await connection.createChannel();
    const texts: string[] = [];
    while (texts.length < count) {
      const message = await channel.get(QUEUE, { noAck: true });
      if (message) texts.push(message.content.toString());
    }
    await connection.close();
    return texts;
  },
};

export const nats: TestClient = {
  async put(url, text) {
    const connection = await connectNats({ servers: url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: QUEUE, subjects: [QUEUE] });
    await jetstream(connection).publish(QUEUE, text);
    await connection.close();
  },
  async take(url, count) {
    const connection = await connectNats({ servers: url });
    const manager = await jetstreamManager(connection);
    await manager.consumers.add(QUEUE, { durable_name: 'reader', ack_policy: AckPolicy.None });
    const consumer = await jetstream(connection).consumers.get(QUEUE, 'reader');
    const texts: string[] = [];
    while (texts.length < count) texts.push((await consumer.next())?.string() ?? '');
    await connection.close();
    return texts;
  },
};

export const redis: TestClient = {
  async put(url, text) {
    const client = new Redis(url);
    await client.rpush(QUEUE, text);
    client.disconnect();
  },
  async take(url, count) {
    const client = new Redis(url);
    const texts: string[] = [];
    while (texts.length < count) texts.push((await client.blpop(QUEUE, 0))?.[1] ?? '');
    client.disconnect();
    return texts;
  },
};

export const sqs: TestClient = {
  async put(url, text) {
    const client = sqsClient(url);
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: QUEUE }));
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: text }));
    client.destroy();
  },
  async take(url, count) {
    const client = sqsClient(url);
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
    const texts: string[] = [];
    while (texts.length < count) {
      const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
      for (const { Body = '', ReceiptHandle } of Messages) {
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        texts.push(Body);
      }
    }
    client.destroy();
    return texts;
  },
};

export function sqsClient(url: string): SQSClient {
  return new SQSClient({ endpoint: url, region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'a' } });
}

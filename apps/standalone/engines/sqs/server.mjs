// The embedded queue: an SQS-compatible server on 127.0.0.1 that forgets everything when it ends.
import { buildApp } from "fauxqs";
// By its path, because the package does not export it.
import { SqsStore } from "./node_modules/fauxqs/dist/sqs/sqsStore.js";

const port = Number(required("ACADEMY_SQS_PORT"));
const region = required("ACADEMY_SQS_REGION");

const sqsStore = new SqsStore();
// With a host, queue URLs would say sqs.<region>.<host>, which not every machine resolves; without, they say what was
// asked.
sqsStore.host = "";
const app = buildApp({ logger: false, defaultRegion: region, stores: { sqsStore } });

const deadLetterQueue = await createQueue(required("ACADEMY_SQS_DLQ"), {});
await createQueue(required("ACADEMY_SQS_QUEUE"), {
  VisibilityTimeout: required("ACADEMY_SQS_VISIBILITY_SECONDS"),
  RedrivePolicy: JSON.stringify({
    deadLetterTargetArn: deadLetterQueue.arn,
    maxReceiveCount: required("ACADEMY_SQS_MAX_RECEIVE_COUNT"),
  }),
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    app.close().then(() => process.exit(0));
  });
}

await app.listen({ host: "127.0.0.1", port });
console.log(`listening on 127.0.0.1:${port}`);

function required(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set`);
    process.exit(78);
  }
  return value;
}

async function createQueue(name, attributes) {
  const { QueueUrl: url } = await call("CreateQueue", {
    QueueName: name,
    Attributes: { MessageRetentionPeriod: required("ACADEMY_SQS_RETENTION_SECONDS"), ...attributes },
  });
  const { Attributes: known } = await call("GetQueueAttributes", { QueueUrl: url, AttributeNames: ["QueueArn"] });
  return { url, arn: known.QueueArn };
}

async function call(action, payload) {
  const answer = await app.inject({
    method: "POST",
    url: "/",
    headers: {
      host: `127.0.0.1:${port}`,
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
    },
    payload: JSON.stringify(payload),
  });
  if (answer.statusCode !== 200) {
    throw new Error(`${action} answered ${answer.statusCode}: ${answer.body}`);
  }
  return answer.json();
}

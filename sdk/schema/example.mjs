// Holds a manifest against the schema, creates the connection that it has, and waits until the operator has judged its token.
//
//     npm ci && node schema/example.mjs schema/connection.yaml
//
// It exits with 0 if the token is usable, with 1 if only a person can help, with 2 if nobody can tell: the connection could not be
// created, or was not judged in time; and with 3 if the manifest is wrong.

import { readFileSync } from "node:fs";

import { KubernetesObjectApi, KubeConfig, Watch, loadYaml } from "@kubernetes/client-node";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const patience = 120_000;

process.exit(
  await main().catch((error) => {
    // Node.js itself would end with 1, which says that only a person can help.
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }),
);

async function main() {
  const schema = JSON.parse(readFileSync(new URL("githubpatconnection.schema.json", import.meta.url), "utf8"));
  const isValid = addFormats.default(new Ajv2020({ allErrors: true })).compile(schema);
  const connection = loadYaml(readFileSync(process.argv[2], "utf8"));
  if (!isValid(connection)) {
    for (const { instancePath, message, params } of isValid.errors) {
      console.error(`${instancePath}: ${message} ${JSON.stringify(params)}`);
    }
    return 3;
  }
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromDefault();
  const { metadata } = await KubernetesObjectApi.makeApiClient(kubeconfig).create(connection);
  const ready = await judged(kubeconfig, connection.apiVersion, metadata);
  console.log(`${ready.reason}: ${ready.message}`);
  return ready.status === "True" ? 0 : 1;
}

/** Waits until Ready is True, or until only a person can help. */
async function judged(kubeconfig, apiVersion, { namespace, name }) {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/githubpatconnections`;
  const until = Date.now() + patience;
  // The API server may end a watch at any time.
  while (Date.now() < until) {
    const timeoutSeconds = Math.ceil((until - Date.now()) / 1000);
    const found = await new Promise((resolve, reject) => {
      const seen = (_phase, { metadata, status }) => {
        const of = (type) => status?.conditions?.find((condition) => condition.type === type);
        const ready = of("Ready");
        // A status speaks of the spec that it names.
        const isJudged = status?.observedGeneration === metadata.generation;
        if (isJudged && (ready?.status === "True" || of("Stalled")?.status === "True")) {
          resolve(ready);
        }
      };
      const ended = (error) => (error ? reject(error) : resolve(undefined));
      const query = { fieldSelector: `metadata.name=${name}`, timeoutSeconds };
      new Watch(kubeconfig).watch(path, query, seen, ended).catch(reject);
    });
    if (found !== undefined) {
      return found;
    }
  }
  throw new Error(`connection ${name} was not judged in time`);
}

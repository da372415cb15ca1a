// Creates a connection, and waits until the operator has judged its token.
//
//     npm ci && npm run check && node typescript/built/example.js NAME SECRET [HOST]
//
// It exits with 0 if the token is usable, with 1 if only a person can help, and with 2 if nobody can tell: the connection could not be
// created, or was not judged in time.

import { CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";

import type { Condition, GithubPatConnection } from "./githubpatconnection.js";

const patience = 120_000;

process.exit(
  await main().catch((error: unknown) => {
    // Node.js itself would end with 1, which says that only a person can help.
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }),
);

async function main(): Promise<number> {
  const [name, secret, host] = process.argv.slice(2);
  if (name === undefined || secret === undefined) {
    throw new Error("usage: example.js NAME SECRET [HOST]");
  }
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromDefault();
  const namespace = kubeconfig.getContextObject(kubeconfig.currentContext)?.namespace ?? "default";
  const connection: GithubPatConnection = {
    apiVersion: "githubpat.dev/v1alpha1",
    kind: "GithubPatConnection",
    metadata: { name },
    spec: {
      ...(host === undefined ? {} : { host }),
      secretRef: { name: secret },
      require: { kinds: ["Classic"], scopes: ["repo"] },
      publish: [{ secretName: `${name}-git`, format: "BasicAuth" }],
    },
  };
  const resource = { group: "githubpat.dev", version: "v1alpha1", namespace, plural: "githubpatconnections" };
  await kubeconfig.makeApiClient(CustomObjectsApi).createNamespacedCustomObject({ ...resource, body: connection });

  const ready = await judged(kubeconfig, namespace, name);
  console.log(`${ready.reason}: ${ready.message}`);
  return ready.status === "True" ? 0 : 1;
}

/** Waits until Ready is True, or until only a person can help. */
async function judged(kubeconfig: KubeConfig, namespace: string, name: string): Promise<Condition> {
  const until = Date.now() + patience;
  const path = `/apis/githubpat.dev/v1alpha1/namespaces/${namespace}/githubpatconnections`;
  while (Date.now() < until) {
    const timeoutSeconds = Math.ceil((until - Date.now()) / 1000);
    const found = await new Promise<Condition | undefined>((resolve, reject) => {
      const seen = (_phase: string, object: GithubPatConnection) => {
        const { metadata, status } = object;
        const conditions = status?.conditions ?? [];
        const of = (type: string) => conditions.find((condition) => condition.type === type);
        const ready = of("Ready");
        // A status speaks of the spec that it names.
        if (ready === undefined || status?.observedGeneration !== metadata.generation) {
          return;
        }
        if (ready.status === "True" || of("Stalled")?.status === "True") {
          resolve(ready);
        }
      };
      const ended = (error: unknown) => (error ? reject(error) : resolve(undefined));
      const query = { fieldSelector: `metadata.name=${name}`, timeoutSeconds };
      new Watch(kubeconfig).watch(path, query, seen, ended).catch(reject);
    });
    if (found !== undefined) {
      return found;
    }
  }
  throw new Error(`connection ${name} was not judged in time`);
}

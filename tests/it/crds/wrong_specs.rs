//! Specs that the API server must refuse, each with the field and the words of its one sentence.

use serde_json::{Value, json};

use super::{outputs, spec};

/// A name, a spec, the field that the refusal names, and words of its sentence.
pub(super) type Row = (&'static str, Value, &'static str, &'static str);

pub(super) fn all() -> impl Iterator<Item = Row> {
    durations()
        .into_iter()
        .chain(names())
        .chain(lists())
        .chain(types())
        .chain(outputs_of_formats())
        .chain(marks())
        .chain(impossible())
}

fn durations() -> Vec<Row> {
    let interval = |text: &str| spec(json!({ "interval": text }));
    let expiry = |field: &str, text: &str| spec(json!({ "require": { "expiry": { field: text } } }));
    let (of_interval, words) =
        ("spec.interval", "interval must be a duration from 10s to 24h, written as hours");
    let (longest, least) = ("spec.require.expiry.maxLifetime", "spec.require.expiry.minRemaining");
    vec![
        ("no duration", interval("abc"), of_interval, words),
        ("an empty duration", interval(""), of_interval, words),
        ("a short interval", interval("5s"), of_interval, words),
        ("a long interval", interval("25h"), of_interval, words),
        ("an exponent", interval("1e9h"), of_interval, words),
        ("a negative duration", interval("-1m"), of_interval, words),
        ("days", interval("1d"), of_interval, words),
        ("a fraction", interval("1.5h"), of_interval, words),
        ("a space after it", interval("30m "), of_interval, words),
        ("six digits", interval("999999h"), of_interval, words),
        ("no unit", interval("30"), of_interval, words),
        ("one unit twice", interval("1h1h"), of_interval, words),
        ("units in the wrong order", interval("30m1h"), of_interval, words),
        ("ISO 8601", interval("PT5M"), of_interval, words),
        ("no ASCII", interval("１h"), of_interval, words),
        ("too many digits", interval("0000000000000000000000030m"), of_interval, "18 bytes"),
        ("a number", spec(json!({ "interval": 30 })), of_interval, "must be of type string"),
        (
            "a lifetime in days",
            expiry("maxLifetime", "1d"),
            longest,
            "maxLifetime must be a duration from 1h",
        ),
        ("a short lifetime", expiry("maxLifetime", "59m"), longest, "maxLifetime must be a duration from 1h"),
        ("no rest", expiry("minRemaining", "0s"), least, "minRemaining must be a duration from 1m"),
        ("a long rest", expiry("minRemaining", "999999h"), least, "minRemaining must be a duration from 1m"),
        (
            "a bad warning",
            spec(json!({ "warnBefore": ["24h", "soon"] })),
            "spec.warnBefore[1]",
            "each of warnBefore must be",
        ),
        (
            "a hold-down in days",
            spec(json!({ "holdDown": "1d" })),
            "spec.holdDown",
            "holdDown must be a duration from 0s",
        ),
        ("a short warning", spec(json!({ "warnBefore": ["30s"] })), "spec.warnBefore[0]", "duration from 1m"),
        (
            "a short grace",
            spec(json!({ "onInvalid": "Withdraw", "withdrawAfter": "9s" })),
            "spec.withdrawAfter",
            "withdrawAfter must be a duration from 10s to 99999h",
        ),
        (
            "a grace for what is retained",
            spec(json!({ "withdrawAfter": "1h" })),
            "spec",
            "withdrawAfter is for onInvalid Withdraw",
        ),
    ]
}

fn names() -> Vec<Row> {
    let host = |text: &str| spec(json!({ "host": text }));
    let secret = |text: &str| json!({ "secretRef": { "name": text } });
    let scope = |text: &str| spec(json!({ "require": { "scopes": ["gist", text] } }));
    let (of_host, no_url) = ("spec.host", "host must be the name of a host in the operator's settings");
    let (of_name, of_secret) = ("spec.secretRef.name", "name must be that of a Secret");
    let (of_scope, one_scope) = ("spec.require.scopes[1]", "each of scopes must be one classic scope");
    let of_output = "spec.publish[0].secretName";
    vec![
        ("a URL", host("https://ghe.example.com"), of_host, no_url),
        ("a host with a path", host("ghe.example.com/api/v3"), of_host, no_url),
        ("a host with a port", host("ghe.example.com:8443"), of_host, no_url),
        ("a host with a user", host("user@ghe.example.com"), of_host, no_url),
        ("a host in capitals", host("GHE.example.com"), of_host, no_url),
        ("a host that ends in a dot", host("github.com."), of_host, no_url),
        ("two lines", host("github.com\nghe.example.com"), of_host, no_url),
        ("no host", host(""), of_host, no_url),
        ("no name", secret(""), of_name, of_secret),
        ("a name in capitals", secret("Pat"), of_name, of_secret),
        ("another namespace", secret("other/pat"), of_name, of_secret),
        ("a long name", secret(&"a".repeat(254)), of_name, "253 bytes"),
        (
            "no key",
            json!({ "secretRef": { "name": "pat", "key": "" } }),
            "spec.secretRef.key",
            "key must be that of a Secret",
        ),
        (
            "a path",
            json!({ "secretRef": { "name": "pat", "key": "a/b" } }),
            "spec.secretRef.key",
            "key must be that of a Secret",
        ),
        (
            "two dots",
            json!({ "secretRef": { "name": "pat", "key": ".." } }),
            "spec.secretRef.key",
            "key must be that of a Secret",
        ),
        ("no scope", scope(""), of_scope, one_scope),
        ("two scopes in one", scope("repo,user"), of_scope, one_scope),
        ("a scope in capitals", scope("Repo"), of_scope, one_scope),
        ("a scope and a space", scope("repo "), of_scope, one_scope),
        (
            "an output in capitals",
            spec(outputs(&["Out"])),
            of_output,
            "secretName must be the name of a Secret",
        ),
        (
            "an output without name",
            spec(outputs(&[""])),
            of_output,
            "secretName must be the name of a Secret",
        ),
        (
            "the source as output",
            spec(outputs(&["pat"])),
            "spec",
            "publish must not name the Secret that secretRef reads from",
        ),
        (
            "the source in reserve",
            spec(standby(&["pat"])),
            "spec",
            "standby must not name the Secret that secretRef reads from",
        ),
        (
            "a standby as output",
            spec(json!({ "standby": [{ "name": "next" }], "publish": outputs(&["next"])["publish"] })),
            "spec",
            "publish must not name a Secret of standby",
        ),
        (
            "a standby in capitals",
            spec(standby(&["Next"])),
            "spec.standby[0].name",
            "name must be that of a Secret",
        ),
    ]
}

fn standby(names: &[&str]) -> Value {
    json!({ "standby": names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() })
}

fn lists() -> Vec<Row> {
    let kinds = |kinds: Value| spec(json!({ "require": { "kinds": kinds } }));
    let restarting = |workloads: Value| {
        spec(json!({ "publish": [{ "secretName": "out", "format": "Opaque" }], "restart": workloads }))
    };
    let eleven: Vec<_> = (1..=11).map(|hours| format!("{hours}h")).collect();
    let seventeen: Vec<_> = (0..17).map(|number| format!("out-{number}")).collect();
    let letter = |number: u8| char::from(b'a'.saturating_add(number));
    let scopes: Vec<_> =
        (0..65).map(|number| format!("{}{}", letter(number / 26), letter(number % 26))).collect();
    vec![
        (
            "a restart without an output",
            spec(json!({ "restart": [{ "kind": "Deployment", "name": "web" }] })),
            "spec",
            "restart needs an output that the workloads read",
        ),
        (
            "a workload of another kind",
            restarting(json!([{ "kind": "Pod", "name": "web" }])),
            "spec.restart[0].kind",
            "supported values",
        ),
        (
            "a workload with a wrong name",
            restarting(json!([{ "kind": "Deployment", "name": "Web" }])),
            "spec.restart[0].name",
            "name must be that of a workload",
        ),
        (
            "one workload twice",
            restarting(
                json!([{ "kind": "Deployment", "name": "web" }, { "kind": "Deployment", "name": "web" }]),
            ),
            "spec.restart[1]",
            "Duplicate value",
        ),
        ("eleven warnings", spec(json!({ "warnBefore": eleven })), "spec.warnBefore", "at most 10 items"),
        (
            "one warning twice",
            spec(json!({ "warnBefore": ["24h", "24h"] })),
            "spec.warnBefore[1]",
            "Duplicate value",
        ),
        ("no kind", kinds(json!([])), "spec.require.kinds", "at least 1 item"),
        ("one kind twice", kinds(json!(["Classic", "Classic"])), "spec.require.kinds[1]", "Duplicate value"),
        (
            "an unknown kind",
            kinds(json!(["Password"])),
            "spec.require.kinds[0]",
            "supported values: \"Classic\", \"FineGrained\"",
        ),
        (
            "65 scopes",
            spec(json!({ "require": { "scopes": scopes } })),
            "spec.require.scopes",
            "at most 64 items",
        ),
        (
            "one scope twice",
            spec(json!({ "require": { "scopes": ["a", "a"] } })),
            "spec.require.scopes[1]",
            "Duplicate value",
        ),
        ("17 outputs", spec(outputs(&seventeen)), "spec.publish", "at most 16 items"),
        ("five standbys", spec(standby(&["a", "b", "c", "d", "e"])), "spec.standby", "at most 4 items"),
        (
            "one standby twice",
            spec(standby(&["next", "next"])),
            "spec.standby[1]",
            "Duplicate value: {\"name\":\"next\"}",
        ),
        (
            "one output twice",
            spec(outputs(&["out", "out"])),
            "spec.publish[1]",
            "Duplicate value: {\"secretName\":\"out\"}",
        ),
    ]
}

fn types() -> Vec<Row> {
    let publish = |output: Value| spec(json!({ "publish": [output] }));
    let formats = "supported values: \"Opaque\", \"Env\", \"BasicAuth\", \"GitCredentials\"";
    vec![
        ("nothing", json!({}), "spec.secretRef", "Required value"),
        ("nobody expected", spec(json!({ "expect": {} })), "spec.expect", "give login, userId or both"),
        (
            "an id below one",
            spec(json!({ "expect": { "userId": 0 } })),
            "spec.expect.userId",
            "greater than or equal to 1",
        ),
        (
            "a login with an @",
            spec(json!({ "expect": { "login": "@octocat" } })),
            "spec.expect.login",
            "without @",
        ),
        ("null for a Secret", json!({ "secretRef": null }), "spec.secretRef", "Required value"),
        ("a Secret without name", json!({ "secretRef": {} }), "spec.secretRef.name", "Required value"),
        ("a text for a Secret", json!({ "secretRef": "pat" }), "spec.secretRef", "must be of type object"),
        (
            "another format",
            publish(json!({ "secretName": "out", "format": "Foo" })),
            "spec.publish[0].format",
            formats,
        ),
        (
            "public images in a format for git",
            publish(json!({ "secretName": "out", "format": "BasicAuth", "publicOnly": true })),
            "spec.publish[0]",
            "publicOnly is not for the format BasicAuth, only for DockerConfigJson: leave it out",
        ),
        ("no format", publish(json!({ "secretName": "out" })), "spec.publish[0].format", "Required value"),
        (
            "versions of what has none",
            publish(json!({ "secretName": "out", "format": "Opaque", "keepVersions": 1 })),
            "spec.publish[0]",
            "keepVersions is for versioned",
        ),
        (
            "no version is kept",
            publish(json!({ "secretName": "out", "format": "Opaque", "versioned": true, "keepVersions": 0 })),
            "spec.publish[0].keepVersions",
            "greater than or equal to 1",
        ),
        (
            "a name too long for versions",
            publish(json!({ "secretName": "a".repeat(243), "format": "Opaque", "versioned": true })),
            "spec.publish[0]",
            "at most 242 characters",
        ),
        (
            "an output with the name of a version",
            spec(json!({ "publish": [
                { "secretName": "out", "format": "Opaque", "versioned": true },
                { "secretName": "out-0123456789", "format": "Opaque" },
            ] })),
            "spec",
            "the name of a version",
        ),
        (
            "a source with the name of a version",
            json!({
                "secretRef": { "name": "out-0123456789" },
                "publish": [{ "secretName": "out", "format": "Opaque", "versioned": true }],
            }),
            "spec",
            "the name of a version",
        ),
        (
            "a standby with the name of a version",
            spec(json!({
                "standby": [{ "name": "out-0123456789" }],
                "publish": [{ "secretName": "out", "format": "Opaque", "versioned": true }],
            })),
            "spec",
            "the name of a version",
        ),
        (
            "a nameless output",
            publish(json!({ "format": "Opaque" })),
            "spec.publish[0].secretName",
            "Required value",
        ),
        (
            "deletion",
            spec(json!({ "onInvalid": "Delete" })),
            "spec.onInvalid",
            "supported values: \"Retain\", \"Withdraw\"",
        ),
        ("a text for a flag", spec(json!({ "suspend": "yes" })), "spec.suspend", "must be of type boolean"),
        (
            "a number for a flag",
            spec(json!({ "require": { "expiry": { "required": 1 } } })),
            "spec.require.expiry.required",
            "must be of type boolean",
        ),
    ]
}

fn impossible() -> Vec<Row> {
    let require = |of: Value| spec(json!({ "require": of }));
    let push = |name: &str| json!({ "name": name, "access": "Push" });
    let named = |name: &str| json!({ "name": name });
    let of_require = "spec.require";
    vec![
        (
            "scopes of fine-grained tokens",
            require(json!({ "kinds": ["FineGrained", "AppUser"], "scopes": ["repo"] })),
            of_require,
            "no kind in require.kinds has scopes",
        ),
        (
            "permissions of classic tokens",
            require(json!({ "kinds": ["Classic"], "permissions": { "contents": "read" } })),
            of_require,
            "require.kinds does not allow fine-grained tokens",
        ),
        (
            "packages of fine-grained tokens",
            require(json!({ "kinds": ["FineGrained"], "packages": [named("acme/app")] })),
            of_require,
            "takes classic tokens only",
        ),
        (
            "several organizations of fine-grained tokens",
            require(json!({ "kinds": ["FineGrained"], "organizations": [named("acme"), named("labs")] })),
            of_require,
            "a fine-grained token is made for one",
        ),
        (
            "pushes of fine-grained tokens to several owners",
            require(
                json!({ "kinds": ["FineGrained"], "repositories": [push("acme/app"), push("labs/app")] }),
            ),
            of_require,
            "pushes to repositories of several owners",
        ),
        (
            "a scope that is demanded and forbidden",
            require(json!({ "scopes": ["gist", "repo"], "forbid": { "scopes": ["repo"] } })),
            of_require,
            "leave it out of one of them",
        ),
        (
            "a permission that is demanded and forbidden",
            require(
                json!({ "permissions": { "issues": "write" }, "forbid": { "permissions": { "issues": "read" } } }),
            ),
            of_require,
            "or forbid a higher level",
        ),
        (
            "more time to be left than a token may live",
            require(json!({ "expiry": { "minRemaining": "48h", "maxLifetime": "24h" } })),
            "spec.require.expiry",
            "lower minRemaining",
        ),
    ]
}

/// A spec with one output of this format, with these fields.
fn output(format: &str, fields: Value) -> Value {
    let mut output = json!({ "secretName": "out", "format": format });
    for (name, value) in fields.as_object().into_iter().flatten() {
        output[name] = value.clone();
    }
    spec(json!({ "publish": [output] }))
}

fn outputs_of_formats() -> Vec<Row> {
    let url = "https://github.com/acme";
    let of_output = "spec.publish[0]";
    let argocd = |url: &str| output("ArgoCDRepository", json!({ "url": url }));
    let docker = |registry: &str| output("DockerConfigJson", json!({ "registries": ["ghcr.io", registry] }));
    let needless = |field: &str, value: Value| output("FluxGit", json!({ field: value }));
    let of_url = "spec.publish[0].url";
    vec![
        (
            "a key",
            needless("key", json!("pat")),
            of_output,
            "key is not for the format FluxGit, only for Opaque: leave it out",
        ),
        (
            "a URL",
            needless("url", json!(url)),
            of_output,
            "url is not for the format FluxGit, only for ArgoCDRepository, ",
        ),
        ("a project", needless("project", json!("shop")), of_output, "project is not for the format FluxGit"),
        (
            "an owner",
            needless("owner", json!("acme")),
            of_output,
            "owner is not for the format FluxGit, only for Npmrc, NuGetConfig",
        ),
        (
            "registries",
            needless("registries", json!(["ghcr.io"])),
            of_output,
            "registries is not for the format FluxGit",
        ),
        (
            "further entries",
            needless("extraEntriesFrom", json!({ "name": "further" })),
            of_output,
            "extraEntriesFrom is not for the format FluxGit, only for DockerConfigJson: leave it out",
        ),
        (
            "further entries of itself",
            output("DockerConfigJson", json!({ "extraEntriesFrom": { "name": "out" } })),
            of_output,
            "extraEntriesFrom must name another Secret than the output itself",
        ),
        (
            "URLs for Tekton",
            needless("tektonGit", json!([url])),
            of_output,
            "tektonGit is not for the format FluxGit",
        ),
        (
            "a project for credentials",
            output("ArgoCDRepoCreds", json!({ "url": url, "project": "shop" })),
            of_output,
            "project is not for the format ArgoCDRepoCreds",
        ),
        (
            "no URL",
            output("ArgoCDRepoCredsWrite", json!({})),
            of_output,
            "the format ArgoCDRepoCredsWrite needs url, that of",
        ),
        (
            "no owner",
            output("NuGetConfig", json!({})),
            of_output,
            "the format NuGetConfig needs owner, the account",
        ),
        (
            "nobody to manage",
            output("CrossplaneGithub", json!({})),
            of_output,
            "the format CrossplaneGithub needs owner",
        ),
        (
            "a dot as key",
            output("Opaque", json!({ "key": "." })),
            "spec.publish[0].key",
            "not begin with two dots",
        ),
        (
            "two dots as key",
            output("Opaque", json!({ "key": ".." })),
            "spec.publish[0].key",
            "key must be that",
        ),
        (
            "a key up the tree",
            output("Opaque", json!({ "key": "..a" })),
            "spec.publish[0].key",
            "key must be that",
        ),
        (
            "a path as key",
            output("Opaque", json!({ "key": "a/b" })),
            "spec.publish[0].key",
            "key must be that of a Secret",
        ),
        (
            "a URL without scheme",
            argocd("github.com/acme"),
            of_url,
            "url must be a URL such as https://github.com/acme",
        ),
        (
            "a URL with a user",
            argocd("https://me@github.com/acme"),
            of_url,
            "without user, query and fragment",
        ),
        (
            "a URL with a query",
            argocd("https://github.com/acme?a=b"),
            of_url,
            "without user, query and fragment",
        ),
        ("a URL of SSH", argocd("git@github.com:acme/app.git"), of_url, "url must be a URL"),
        ("two lines", argocd("https://github.com/acme\nhttps://evil.example"), of_url, "url must be a URL"),
        (
            "another owner",
            output("NuGetConfig", json!({ "owner": "acme/app" })),
            "spec.publish[0].owner",
            "owner must be the login",
        ),
        (
            "a URL as registry",
            docker("https://ghcr.io"),
            "spec.publish[0].registries[1]",
            "each of registries must be the host name",
        ),
        ("a registry twice", docker("ghcr.io"), "spec.publish[0].registries[1]", "Duplicate value"),
        (
            "no URL for Tekton",
            output("BasicAuth", json!({ "tektonGit": ["github.com"] })),
            "spec.publish[0].tektonGit[0]",
            "each of tektonGit must be a URL",
        ),
    ]
}

fn marks() -> Vec<Row> {
    let label = |key: &str, value: &str| output("Opaque", json!({ "labels": { key: value } }));
    let annotation = |key: &str, value: &str| output("Opaque", json!({ "annotations": { key: value } }));
    let (labels, annotations) = ("spec.publish[0].labels", "spec.publish[0].annotations");
    let many: serde_json::Map<_, _> = (0..17).map(|number| (format!("key-{number}"), json!("x"))).collect();
    let (own, kubectl) = ("githubpat.dev/connection-uid", "kubectl.kubernetes.io/last-applied-configuration");
    vec![
        ("our label", label(own, "x"), labels, "labels must not have keys that begin with githubpat.dev/"),
        (
            "who manages it",
            label("app.kubernetes.io/managed-by", "me"),
            labels,
            "labels must not have keys that begin with",
        ),
        (
            "a label of Kubernetes itself",
            label("k8s.io/name", "x"),
            labels,
            "labels must not have keys that begin with githubpat.dev/, kubernetes.io/, k8s.io/",
        ),
        (
            "our annotation",
            annotation("githubpat.dev/token-hash", "x"),
            annotations,
            "annotations must not have keys",
        ),
        (
            "kubectl's annotation",
            annotation(kubectl, "x"),
            annotations,
            "annotations must not have keys that begin with",
        ),
        ("no key", label("", "x"), labels, "each of labels must have a key such as team"),
        (
            "a key with a space",
            annotation("a b", "x"),
            annotations,
            "each of annotations must have a key such as",
        ),
        ("a long key", label(&"a".repeat(318), "x"), labels, "each of labels must have a key such as"),
        ("a name too long", label(&"a".repeat(64), "x"), labels, "each of labels must have a key such as"),
        (
            "a name too long behind a prefix",
            annotation(&format!("example.com/{}", "a".repeat(64)), "x"),
            annotations,
            "a name of up to 63 characters",
        ),
        (
            "a prefix too long",
            label(&format!("{}/a", "a".repeat(254)), "x"),
            labels,
            "each of labels must have a key",
        ),
        ("two dots in a prefix", label("a..b/c", "x"), labels, "each of labels must have a key such as"),
        (
            "a dot before a hyphen",
            annotation("a.-b/c", "x"),
            annotations,
            "each of annotations must have a key",
        ),
        ("a prefix that ends in a dot", label("a./c", "x"), labels, "each of labels must have a key such as"),
        ("two prefixes", label("a/b/c", "x"), labels, "each of labels must have a key such as"),
        (
            "a value with a space",
            label("team", "a b"),
            "spec.publish[0].labels[team]",
            "each of labels must have a value",
        ),
        ("a long value", label("team", &"a".repeat(64)), "spec.publish[0].labels.team", "63 bytes"),
        (
            "a long annotation",
            annotation("note", &"a".repeat(1025)),
            "spec.publish[0].annotations.note",
            "1024 bytes",
        ),
        ("17 labels", output("Opaque", json!({ "labels": many })), labels, "at most 16 items"),
        (
            "the label of the format",
            output(
                "ArgoCDRepository",
                json!({ "url": "https://github.com/a", "labels": { "argocd.argoproj.io/secret-type": "cluster" } }),
            ),
            "spec.publish[0]",
            "labels must not have argocd.argoproj.io/secret-type with a format that sets it itself",
        ),
        (
            "versions of what is found by its label",
            output("Jenkins", json!({ "versioned": true })),
            "spec.publish[0]",
            "versioned is not for the format Jenkins, whose consumer finds every version",
        ),
        (
            "the annotation of the format",
            output("BasicAuth", json!({ "annotations": { "tekton.dev/git-0": "https://evil.example" } })),
            "spec.publish[0]",
            "annotations must not have keys that begin with tekton.dev/: name the URLs in tektonGit",
        ),
        (
            "a registry for Tekton",
            output("BasicAuth", json!({ "annotations": { "tekton.dev/docker-0": "https://evil.example" } })),
            "spec.publish[0]",
            "annotations must not have keys that begin with tekton.dev/",
        ),
        (
            "versions of what is found by a label of the spec",
            output(
                "Opaque",
                json!({ "key": "text", "versioned": true, "labels": { "jenkins.io/credentials-type": "secretText" } }),
            ),
            "spec.publish[0]",
            "versioned is not for a Secret with the label argocd.argoproj.io/secret-type or jenkins.io/credentials-type",
        ),
        (
            "the label of Jenkins",
            output("Jenkins", json!({ "labels": { "jenkins.io/credentials-type": "secretText" } })),
            "spec.publish[0]",
            "labels must not have jenkins.io/credentials-type with a format that sets it itself",
        ),
        (
            "a project with a space",
            output("ArgoCDRepository", json!({ "url": "https://github.com/a", "project": "a b" })),
            "spec.publish[0].project",
            "project must be the name of an AppProject",
        ),
    ]
}

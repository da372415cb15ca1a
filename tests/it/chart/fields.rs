//! What values hand to Kubernetes as it is, such as security contexts and volumes: the schema of values has the fields of Kubernetes and
//! no others. They are those of the newest Kubernetes, which has all fields of the older ones.
//!
//! `WRITE_SCHEMA=1 cargo test --test it the_fields_of_kubernetes` writes them anew.

use std::collections::BTreeMap;

use super::*;

/// The types that values have, as the API server calls them.
const TYPES: [&str; 9] = [
    "io.k8s.api.core.v1.Affinity",
    "io.k8s.api.core.v1.EnvVar",
    "io.k8s.api.core.v1.PodSecurityContext",
    "io.k8s.api.core.v1.SecurityContext",
    "io.k8s.api.core.v1.TopologySpreadConstraint",
    "io.k8s.api.core.v1.Volume",
    "io.k8s.api.core.v1.VolumeMount",
    "io.k8s.api.networking.v1.NetworkPolicyPeer",
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
];

/// Each type that these are made of, by the last part of its name.
fn types(definitions: &Value) -> BTreeMap<String, Value> {
    let mut all: BTreeSet<_> = TYPES.map(str::to_owned).into();
    for name in TYPES {
        schemas::rests_on(&definitions[name], definitions, &mut all);
    }
    let fields = |name: &&String| definitions[*name].get("properties").is_some();
    let made = all.iter().filter(fields).map(|name| (last(name).to_owned(), type_of(name, definitions)));
    let types: BTreeMap<_, _> = made.collect();
    assert_eq!(types.len(), all.iter().filter(fields).count(), "two types have one name");
    types
}

/// What follows the last dot.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap()
}

fn type_of(name: &str, definitions: &Value) -> Value {
    let schema = &definitions[name];
    let fields = schema["properties"].as_object().unwrap().iter();
    let fields: BTreeMap<_, _> =
        fields.map(|(name, field)| (name, value_of(field, definitions, true))).collect();
    let mut made = json!({ "type": ["object", "null"], "additionalProperties": false, "properties": fields });
    if let Some(required) = schema.get("required") {
        made["required"] = required.clone();
    }
    made
}

/// Without descriptions and formats. null takes a field off, and is no item of a list.
fn value_of(schema: &Value, definitions: &Value, is_field: bool) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.strip_prefix("#/definitions/").unwrap();
        return match last(name) {
            "Quantity" => json!({ "$ref": "#/definitions/quantity" }),
            _ if definitions[name].get("properties").is_some() => {
                json!({ "$ref": format!("#/definitions/{}", last(name)) })
            }
            _ => value_of(&definitions[name], definitions, is_field),
        };
    }
    let kind = &schema["type"];
    assert!(kind.is_string(), "{schema}");
    let mut made = if is_field { json!({ "type": [kind, "null"] }) } else { json!({ "type": kind }) };
    if let Some(values) = schema.get("enum") {
        made["enum"] = values.clone();
        made["enum"].as_array_mut().unwrap().extend(is_field.then_some(Value::Null));
    }
    for (below, is_field) in [("items", false), ("additionalProperties", true)] {
        if let Some(schema) = schema.get(below) {
            made[below] = value_of(schema, definitions, is_field);
        }
    }
    made
}

#[tokio::test]
async fn the_fields_of_kubernetes_in_the_schema_of_values_are_those_of_the_api_server() {
    let world = World::start().await;
    let types = types(&schemas::definitions(&world.client).await);
    let path = chart().join("values.schema.json");
    let text = fs::read_to_string(&path).unwrap();
    let is_made = |line: &&str| {
        line.strip_prefix("    \"")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let others: Vec<_> = text.split_inclusive('\n').filter(|line| !is_made(line)).collect();
    let next = others.iter().position(|line| line.starts_with("    \"named\": {")).unwrap();
    let (before, after) = others.split_at(next);
    let made: String = types.iter().map(|(name, made)| format!("    \"{name}\": {made},\n")).collect();
    let written = [before.concat(), made, after.concat()].concat();
    if std::env::var_os("WRITE_SCHEMA").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let same = fs::read_to_string(path).unwrap() == written;
    assert!(same, "run: WRITE_SCHEMA=1 cargo test --test it the_fields_of_kubernetes");
}

#[test]
fn a_field_that_kubernetes_does_not_have_is_refused_by_name() {
    let bundle = |fields: &str| {
        let at = "settings.hosts.a.caBundleFrom.clusterTrustBundle";
        format!(
            "settings.hosts.a.apiUrl=https://a.example.com/api/v3,{at}.signerName=a/b,{at}.labelSelector.{fields}"
        )
    };
    let rows = [
        ("podSecurityContext.runAsUzer=1", "runAsUzer"),
        ("podSecurityContext.runAsUser={a}", "/podSecurityContext/runAsUser"),
        ("podSecurityContext.runAsNonRoot=yes", "/podSecurityContext/runAsNonRoot"),
        ("podSecurityContext.seccompProfile.typ=RuntimeDefault", "typ"),
        ("podSecurityContext.seLinuxOptions.levl=s0", "levl"),
        ("podSecurityContext.sysctls[0].nam=a", "nam"),
        ("podSecurityContext.readOnlyRootFilesystem=true", "readOnlyRootFilesystem"),
        ("securityContext.privilegd=true", "privilegd"),
        ("securityContext.capabilities.dropp={ALL}", "dropp"),
        ("securityContext.fsGroup=1", "fsGroup"),
        ("extraEnv[0].name=a,extraEnv[0].valu=b", "valu"),
        ("extraEnv[0].name=a,extraEnv[0].valueFrom.secretKeyRef.nam=b", "nam"),
        ("extraVolumes[0].name=a,extraVolumes[0].configMap.nam=b", "nam"),
        ("extraVolumes[0].name=a,extraVolumes[0].secret.defaultMode=a", "/extraVolumes/0/secret/defaultMode"),
        (
            "extraVolumes[0].name=a,extraVolumes[0].emptyDir.sizeLimit=lots",
            "/extraVolumes/0/emptyDir/sizeLimit",
        ),
        ("extraVolumes[0].name=a,extraVolumes[0].projected.sources[0].secret.itms={a}", "itms"),
        ("extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPth=/a", "mountPth"),
        ("affinity.podAntiAffinity.preferred=1", "preferred"),
        ("affinity.nodeAffinity.requierd=1", "requierd"),
        ("topologySpreadConstraints[0].minDomain=1", "minDomain"),
        (
            "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=a,topologySpreadConstraints[0].whenUnsatisfiable=Never",
            "/topologySpreadConstraints/0/whenUnsatisfiable",
        ),
        ("podSecurityContext.seccompProfile.type=Default", "/podSecurityContext/seccompProfile/type"),
        ("networkPolicy.from[0].podSelector.matchLabel.a=b", "matchLabel"),
        ("networkPolicy.dns[0].ipBlock.cdr=10.0.0.0/8", "cdr"),
        (&bundle("matchLabel.a=b"), "matchLabel"),
    ];
    for (value, words) in rows {
        let output = template(&["--set", value]);
        assert!(!output.status.success() && said(&output).contains(words), "{value}: {}", said(&output));
    }
    let taken = [
        &*bundle("matchLabels.a=b"),
        "extraEnv[0].name=A,extraEnv[0].valueFrom.secretKeyRef.name=a,extraEnv[0].valueFrom.secretKeyRef.key=b",
        "extraEnv[0].name=A,extraEnv[0].valueFrom.resourceFieldRef.resource=limits.cpu,extraEnv[0].valueFrom.resourceFieldRef.divisor=1m",
        "extraVolumes[0].name=a,extraVolumes[0].emptyDir.sizeLimit=1Gi,extraVolumes[1].name=b,extraVolumes[1].secret.secretName=c",
        "extraVolumes[0].name=a,extraVolumes[0].projected.sources[0].podCertificate.signerName=a/b,extraVolumes[0].projected.sources[0].podCertificate.keyType=ED25519",
        "extraVolumes[0].name=a,extraVolumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests.storage=1e9",
        "extraVolumes[0].name=a,extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/a,extraVolumeMounts[0].readOnly=true",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=a,affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=Exists",
        "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=a,topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule,topologySpreadConstraints[0].minDomains=2",
        "networkPolicy.enabled=true,networkPolicy.from[0].ipBlock.cidr=10.0.0.0/8,networkPolicy.from[0].ipBlock.except={10.1.0.0/16}",
        "podSecurityContext.sysctls[0].name=net.ipv4.ip_unprivileged_port_start,podSecurityContext.sysctls[0].value=\"0\"",
        "podSecurityContext.supplementalGroups={1},podSecurityContext.fsGroupChangePolicy=Always",
        "podSecurityContext.seLinuxOptions.level=s0,podSecurityContext.seccompProfile=null",
        "securityContext.appArmorProfile.type=RuntimeDefault,securityContext.capabilities.add={CHOWN}",
    ];
    for value in taken {
        let output = template(&["--set", value]);
        assert!(output.status.success(), "{value}: {}", said(&output));
    }
}

#[test]
fn a_pod_that_kubernetes_would_not_take_or_start_is_refused_by_name() {
    let rows = [
        ("resources.limits.memory=lots", "/resources/limits/memory"),
        ("resources.limits.memory=128 Mi", "/resources/limits/memory"),
        ("resources.limits.memory=128mi", "/resources/limits/memory"),
        ("resources.requests.cpu=-1", "/resources/requests/cpu"),
        ("resources.requests.cpu=", "/resources/requests/cpu"),
        (
            "resources.requests.memry=1Mi",
            "at '/resources/requests': additional properties 'memry' not allowed",
        ),
        ("podLabels.a b=c", "at '/podLabels': additional properties 'a b' not allowed"),
        ("podLabels.a=b c", "/podLabels/a"),
        ("podLabels.githubpat\\.dev/shard=a", "at '/podLabels/githubpat.dev~1shard': false schema"),
        ("commonLabels.a b=c", "at '/commonLabels': additional properties 'a b' not allowed"),
        ("commonLabels.githubpat\\.dev/shard=a", "at '/commonLabels/githubpat.dev~1shard': false schema"),
        ("nodeSelector.a b=c", "at '/nodeSelector': additional properties 'a b' not allowed"),
        ("podAnnotations.a b=c", "at '/podAnnotations': additional properties 'a b' not allowed"),
        ("commonAnnotations.a b=c", "at '/commonAnnotations': additional properties 'a b' not allowed"),
        ("tolerations[0].effect=NoSchedule", "at '/tolerations/0': missing property 'key'"),
        ("tolerations[0].operator=Equal", "at '/tolerations/0': missing property 'key'"),
        ("tolerations[0].operator=Equal,tolerations[0].key=", "/tolerations/0/key"),
        ("tolerations[0].operator=Exists,tolerations[0].value=a", "/tolerations/0/value"),
        (
            "tolerations[0].operator=Exists,tolerations[0].tolerationSeconds=3",
            "at '/tolerations/0': missing property 'effect'",
        ),
        (
            "tolerations[0].key=a,tolerations[0].effect=NoSchedule,tolerations[0].tolerationSeconds=3",
            "/tolerations/0/effect",
        ),
        ("securityContext.runAsUser=0", "securityContext.runAsUser is 0"),
        ("podSecurityContext.runAsUser=0", "podSecurityContext.runAsUser is 0"),
        (
            "podSecurityContext.runAsNonRoot=false,securityContext.runAsNonRoot=true,podSecurityContext.runAsUser=0",
            "podSecurityContext.runAsUser is 0",
        ),
    ];
    for (value, words) in rows {
        let output = template(&["--set", value]);
        assert!(!output.status.success() && said(&output).contains(words), "{value}: {}", said(&output));
    }
    let taken = [
        "resources.limits.memory=134217728,resources.limits.cpu=0.5,resources.requests.memory=.1Gi,resources.requests.cpu=1e-1",
        "resources.limits.nvidia\\.com/gpu=1,resources.limits.ephemeral-storage=1k,resources.limits.hugepages-2Mi=2M",
        "tolerations[0].operator=Exists,tolerations[1].key=a,tolerations[1].value=b,tolerations[2].key=a,tolerations[2].operator=Equal",
        "tolerations[0].key=a,tolerations[0].operator=Exists,tolerations[0].value=,tolerations[0].effect=NoExecute,tolerations[0].tolerationSeconds=3",
        "podLabels.a\\.b/c_d=,nodeSelector.node-role\\.kubernetes\\.io/infra=,podAnnotations.Example\\.com/A=b c",
        "podSecurityContext.runAsNonRoot=false,podSecurityContext.runAsUser=0",
        "securityContext.runAsNonRoot=false,securityContext.runAsUser=0",
        "podSecurityContext.runAsUser=0,securityContext.runAsUser=1",
        "podSecurityContext=null,securityContext.runAsUser=0",
    ];
    for value in taken {
        let output = template(&["--set", value]);
        assert!(output.status.success(), "{value}: {}", said(&output));
    }
}

#[test]
fn the_schema_of_values_judges_keys_where_helm_names_their_place() {
    // Of what "propertyNames" refuses, Helm names the place that it was at before.
    let schema = fs::read_to_string(chart().join("values.schema.json")).unwrap();
    assert!(!schema.contains("\"propertyNames\""));
}

/// A Deployment whose container has this request and this limit.
fn with_amounts(name: &str, request: &str, limit: &str) -> DynamicObject {
    let resources = json!({ "requests": { name: request }, "limits": { name: limit } });
    let containers = json!([{ "name": "a", "image": "a", "resources": resources }]);
    from(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" },
        "spec": {
            "selector": { "matchLabels": { "app": "a" } },
            "template": { "metadata": { "labels": { "app": "a" } }, "spec": { "containers": containers } },
        },
    }))
}

#[tokio::test]
async fn helm_refuses_a_request_above_its_limit_as_the_api_server_does_and_names_both() {
    let world = World::start().await;
    let (dry, deployments) =
        (PostParams { dry_run: true, ..PostParams::default() }, rights::workloads(&world, "Deployment"));
    let rows = [
        ("memory", "256Mi", "128Mi", false),
        ("memory", "128Mi", "128Mi", true),
        ("memory", "134217728", "128Mi", true),
        ("memory", "134217729", "128Mi", false),
        ("memory", "134217728001m", "128Mi", false),
        ("memory", "0.125Gi", "128Mi", true),
        ("memory", "0.126Gi", "128Mi", false),
        ("memory", "1.34217728e+08", "128Mi", true),
        ("memory", "1.34217729E8", "128Mi", false),
        ("memory", "135M", "128Mi", false),
        ("memory", "131072Ki", "134217728", true),
        ("memory", "1Gi", "1G", false),
        ("memory", "1Ti", "1T", false),
        ("memory", "1Pi", "1P", false),
        ("memory", "1Ei", "1E", false),
        ("memory", "1E", "1Ei", true),
        ("memory", "1024Pi", "1Ei", true),
        ("memory", "1025Pi", "1Ei", false),
        ("memory", "+.5k", "500.", true),
        ("memory", "+.501k", "500.", false),
        ("cpu", "2", "1", false),
        ("cpu", "0.1", "100m", true),
        ("cpu", "101m", "0.1", false),
        ("cpu", "1e-1", "100000u", true),
        ("cpu", "1e-1", "0", false),
        ("ephemeral-storage", "2k", "1k", false),
        // Rounded up to thousandths.
        ("cpu", "1m", "500u", true),
        ("cpu", "1000001n", "500u", false),
        ("cpu", "10.1m", "10.2m", true),
        ("cpu", "10.2m", "10.1m", true),
        // More than what is counted.
        ("memory", "20Ei", "16Ei", true),
        ("memory", "16Ei", "9E", false),
    ];
    for (name, request, limit, good) in rows {
        let made = deployments.create(&dry, &with_amounts(name, request, limit)).await;
        assert_eq!(made.is_ok(), good, "the API server, {name}: {request} {limit}: {made:?}");
        let flag =
            format!("resources={{\"requests\":{{{name:?}:{request:?}}},\"limits\":{{{name:?}:{limit:?}}}}}");
        let output = template(&["--set-json", &flag]);
        let words = format!(
            "resources.requests.{name} is {request}, which is above resources.limits.{name}, {limit}, which"
        );
        let (is_taken, told) = (output.status.success(), said(&output));
        assert_eq!((is_taken, told.contains(&words)), (good, !good), "Helm, {flag}: {told}");
    }
    // Numbers, a default of the chart, and a request without a limit.
    for (value, good) in [
        ("resources.requests.memory=134217728", true),
        ("resources.requests.memory=134217729", false),
        ("resources.requests.memory=256Mi", false),
        ("resources.limits.memory=null,resources.requests.memory=256Mi", true),
        ("resources.limits.cpu=9m", false),
        ("resources.limits=null", true),
        ("resources.requests=null", true),
        ("resources=null", true),
    ] {
        let output = template(&["--set", value]);
        assert_eq!(output.status.success(), good, "{value}: {}", said(&output));
    }
    // What a template cannot hold exactly is left to the API server.
    for (request, limit) in [("1000000000000001", "1000000000000000"), ("0.1251Gi", "128Mi"), ("1e100", "1")]
    {
        let made = deployments.create(&dry, &with_amounts("memory", request, limit)).await;
        assert!(made.is_err(), "{request} {limit}");
        let flag = format!("resources.requests.memory={request:?}");
        let output = template(&["--set-json", &flag, "--set", &format!("resources.limits.memory={limit}")]);
        assert!(output.status.success(), "{flag}: {}", said(&output));
    }
}

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
        "extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/a,extraVolumeMounts[0].readOnly=true",
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
        ("commonLabels.a b=c", "at '/commonLabels': additional properties 'a b' not allowed"),
        ("nodeSelector.a b=c", "at '/nodeSelector': additional properties 'a b' not allowed"),
        ("podAnnotations.a b=c", "at '/podAnnotations': additional properties 'a b' not allowed"),
        ("commonAnnotations.a b=c", "at '/commonAnnotations': additional properties 'a b' not allowed"),
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
        "resources.limits.memory=134217728,resources.limits.cpu=0.5,resources.requests.memory=.5Gi,resources.requests.cpu=1e-1",
        "resources.limits.nvidia\\.com/gpu=1,resources.limits.ephemeral-storage=1k,resources.limits.hugepages-2Mi=2M",
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

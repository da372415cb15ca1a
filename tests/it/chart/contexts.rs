//! The security contexts of the Pod and of its container: the schema of values has the fields of Kubernetes and no others.
//!
//! `WRITE_SCHEMA=1 cargo test --test it the_fields_of_security_contexts` writes them anew.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSecurityContext, SecurityContext};
use schemars::SchemaGenerator;

use super::*;

/// Each type that a security context is made of, by the name that Kubernetes gives it.
fn types() -> BTreeMap<String, Value> {
    let mut generator = SchemaGenerator::default();
    generator.subschema_for::<PodSecurityContext>();
    generator.subschema_for::<SecurityContext>();
    let all = generator.definitions().iter();
    all.map(|(path, schema)| (last(path).to_owned(), type_of(schema))).collect()
}

/// What follows the last dot.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap()
}

fn type_of(schema: &Value) -> Value {
    let fields = schema["properties"].as_object().unwrap().iter();
    let fields: BTreeMap<_, _> = fields.map(|(name, field)| (name, value_of(field))).collect();
    let mut made = json!({ "type": ["object", "null"], "additionalProperties": false, "properties": fields });
    if let Some(required) = schema.get("required") {
        made["required"] = required.clone();
    }
    made
}

/// Without descriptions and formats. null takes a field off.
fn value_of(schema: &Value) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        return json!({ "$ref": format!("#/definitions/{}", last(path)) });
    }
    let mut made = json!({ "type": [schema["type"], "null"] });
    if let Some(items) = schema.get("items") {
        made["items"] = match items["type"].as_str() {
            Some(_) => json!({ "type": items["type"] }),
            None => value_of(items),
        };
    }
    made
}

#[test]
fn the_fields_of_security_contexts_in_the_schema_of_values_are_those_of_kubernetes() {
    let path = chart().join("values.schema.json");
    let text = fs::read_to_string(&path).unwrap();
    let is_made = |line: &&str| {
        line.strip_prefix("    \"")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let others: Vec<_> = text.split_inclusive('\n').filter(|line| !is_made(line)).collect();
    let next = others.iter().position(|line| line.starts_with("    \"named\": {")).unwrap();
    let (before, after) = others.split_at(next);
    let made: String = types().iter().map(|(name, made)| format!("    \"{name}\": {made},\n")).collect();
    let written = [before.concat(), made, after.concat()].concat();
    if std::env::var_os("WRITE_SCHEMA").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let same = fs::read_to_string(path).unwrap() == written;
    assert!(same, "run: WRITE_SCHEMA=1 cargo test --test it the_fields_of_security_contexts");
}

#[tokio::test]
async fn the_api_server_has_the_fields_of_security_contexts_that_the_schema_of_values_has() {
    let world = World::start().await;
    let definitions = schemas::definitions(&world.client).await;
    let names =
        |schema: &Value| schema["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for (name, made) in types() {
        let there = &definitions[format!("io.k8s.api.core.v1.{name}")];
        assert_eq!(names(&made), names(there), "{name}");
    }
}

#[test]
fn a_field_of_a_security_context_that_kubernetes_does_not_have_is_refused_by_name() {
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
    ];
    for (value, words) in rows {
        let output = template(&["--set", value]);
        assert!(!output.status.success() && said(&output).contains(words), "{value}: {}", said(&output));
    }
    let taken = [
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

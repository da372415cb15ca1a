//! The types of the resource as any language could have them, from the schema of its definition.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What others call the objects and the closed sets of words, by the first place at which each stands.
const NAMES: &[(&str, &str)] = &[
    ("spec", "GithubPatConnectionSpec"),
    ("spec.expect", "Expectation"),
    ("spec.onInvalid", "OnInvalid"),
    ("spec.publish", "Output"),
    ("spec.publish.extraEntriesFrom", "EntriesRef"),
    ("spec.publish.format", "Format"),
    ("spec.require", "Requirement"),
    ("spec.require.excess", "Excess"),
    ("spec.require.expiry", "ExpiryRule"),
    ("spec.require.forbid", "Forbid"),
    ("spec.require.forbid.permissions", "Level"),
    ("spec.require.kinds", "TokenKind"),
    ("spec.require.organizations", "OrganizationDemand"),
    ("spec.require.packages", "PackageDemand"),
    ("spec.require.repositories", "RepositoryDemand"),
    ("spec.require.repositories.access", "Access"),
    ("spec.require.unproven", "Unproven"),
    ("spec.restart", "Workload"),
    ("spec.restart.kind", "WorkloadKind"),
    ("spec.secretRef", "SecretKeyRef"),
    ("status", "GithubPatConnectionStatus"),
    ("status.candidates", "CandidateStatus"),
    ("status.candidates.token", "TokenStatus"),
    ("status.candidates.token.flaw", "Flaw"),
    ("status.candidates.token.acceptedBefore", "AcceptedBefore"),
    ("status.candidates.token.previousAccount", "PreviousAccount"),
    ("status.candidates.token.refused", "Refusals"),
    ("status.candidates.usable", "ConditionStatus"),
    ("status.conditions", "Condition"),
    ("status.consumers", "ConsumersStatus"),
    ("status.consumers.objects", "ConsumerStatus"),
    ("status.deferral", "Deferral"),
    ("status.furtherRequirements", "FurtherRequirements"),
    ("status.history", "ReadyChange"),
    ("status.links", "Links"),
    ("status.outputs", "OutputStatus"),
    ("status.permissionProofs", "PermissionProofs"),
    ("status.requirements", "RequirementStatus"),
    ("status.requirements.kind", "RequirementKind"),
    ("status.requirements.role", "Role"),
    ("status.requirements.state", "RequirementState"),
    ("status.requirements.visibility", "Visibility"),
    ("status.rotation", "RotationStatus"),
    ("status.rotation.furtherOldTokens", "FurtherOldToken"),
    ("status.rotation.interrupted", "InterruptedRotation"),
    ("status.rotation.newToken", "RotatedToken"),
    ("status.rotation.phase", "Phase"),
    ("status.withdrawal", "Withdrawal"),
    ("status.withdrawnOutputs", "WithdrawnOutput"),
];

/// What a value is.
pub(super) enum Type {
    Text,
    Instant,
    Truth,
    Int32,
    Int64,
    List(Box<Type>),
    Map(Box<Type>),
    /// A declared object.
    Object(&'static str),
    /// One of a declared set of words.
    Word(&'static str),
}

/// A field of an object.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) of: Type,
    pub(super) required: bool,
}

/// What a declared type is.
pub(super) enum Shape {
    Object(Vec<Field>),
    Words(Vec<String>),
}

/// A type with a name.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) doc: String,
    pub(super) shape: Shape,
}

/// The types of the spec and of the status, each before those that it is made of.
pub(super) fn types(schema: &Value) -> Vec<Declared> {
    let mut found = Found::default();
    for place in ["spec", "status"] {
        found.read(place, &schema["properties"][place]);
    }
    let unused: BTreeSet<_> = NAMES.iter().map(|(place, _)| *place).collect();
    let unused: Vec<_> = unused.difference(&found.places).collect();
    assert!(unused.is_empty(), "nothing stands at {unused:?}");
    found.declared
}

#[derive(Default)]
struct Found {
    declared: Vec<Declared>,
    /// What was declared, without what it says of itself.
    shapes: Vec<(Value, &'static str)>,
    places: BTreeSet<&'static str>,
}

impl Found {
    fn read(&mut self, place: &str, schema: &Value) -> Type {
        match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
            ("string", Some("date-time")) => Type::Instant,
            ("string", _) if schema.get("enum").is_some() => self.declare(place, schema),
            ("string", None) => Type::Text,
            ("boolean", None) => Type::Truth,
            ("integer", Some("int32")) => Type::Int32,
            ("integer", Some("int64")) => Type::Int64,
            ("array", None) => Type::List(Box::new(self.read(place, &schema["items"]))),
            ("object", None) => match schema.get("additionalProperties") {
                Some(value) => Type::Map(Box::new(self.read(place, value))),
                None => self.declare(place, schema),
            },
            other => panic!("no language has {other:?}, at {place}"),
        }
    }

    fn declare(&mut self, place: &str, schema: &Value) -> Type {
        // What is the same in all its fields, and in what is said of them, is one type.
        let alone: Map<_, _> = ["properties", "required", "enum"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), schema.get(key)?.clone())))
            .collect();
        let (alone, is_word) = (Value::Object(alone), schema.get("enum").is_some());
        let of = |name| if is_word { Type::Word(name) } else { Type::Object(name) };
        if let Some((_, name)) = self.shapes.iter().find(|(shape, _)| *shape == alone) {
            return of(name);
        }
        let named = NAMES.iter().find(|(named, _)| *named == place);
        let (place, name) = *named.unwrap_or_else(|| panic!("{place} needs a name"));
        self.places.insert(place);
        self.shapes.push((alone, name));
        let at = self.declared.len();
        let doc = schema["description"].as_str().unwrap_or_default().to_owned();
        let shape = match schema["enum"].as_array() {
            Some(words) => Shape::Words(words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()),
            None => Shape::Object(self.fields(place, schema)),
        };
        self.declared.insert(at, Declared { name, doc, shape });
        of(name)
    }

    fn fields(&mut self, place: &str, schema: &Value) -> Vec<Field> {
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        let properties = schema["properties"].as_object().unwrap();
        let fields = properties.iter().map(|(name, inner)| Field {
            name: name.clone(),
            doc: said(inner),
            of: self.read(&format!("{place}.{name}"), inner),
            required: required.iter().any(|it| *it == name),
        });
        fields.collect()
    }
}

/// What the schema says of itself, with its default.
fn said(schema: &Value) -> String {
    let mut doc = schema["description"].as_str().unwrap_or_default().to_owned();
    if let Some(default) = schema.get("default").filter(|default| !default.is_object()) {
        doc += &format!("\n\nThe default is {default}.");
    }
    doc
}

/// The text in lines of so many letters at most, as far as its words let it.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

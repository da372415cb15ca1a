//! The types in Go, as gofmt writes them.

use std::fmt::Write;

use super::types::{Declared, Field, Shape, Type, wrapped};

const HEAD: &str = r#"// Code generated from the CustomResourceDefinition. DO NOT EDIT. See sdk/README.md.

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GithubPatConnection says what is demanded of a GitHub personal access token, and where it is published.
//
// +kubebuilder:object:root=true
type GithubPatConnection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GithubPatConnectionSpec `json:"spec"`
	// What the operator writes.
	Status *GithubPatConnectionStatus `json:"status,omitempty"`
}

// GithubPatConnectionList has connections as the API server lists them.
//
// +kubebuilder:object:root=true
type GithubPatConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GithubPatConnection `json:"items"`
}
"#;

/// What Kubernetes' own type of this name has; ours is it.
const CONDITION: [&str; 6] =
    ["lastTransitionTime", "message", "observedGeneration", "reason", "status", "type"];

/// The file.
pub(super) fn file(types: &[Declared]) -> String {
    let mut text = HEAD.to_owned();
    for Declared { name, doc, shape } in types {
        if *name == "Condition" {
            let Shape::Object(fields) = shape else { panic!("a condition has fields") };
            assert!(fields.iter().map(|field| field.name.as_str()).eq(CONDITION));
            continue;
        }
        text.push('\n');
        let doc = if doc.is_empty() { (*name).to_owned() } else { format!("{name}: {doc}") };
        document(&mut text, "", &doc);
        match shape {
            Shape::Object(fields) => object(&mut text, name, fields),
            Shape::Words(words) => closed(&mut text, name, words),
        }
    }
    text
}

fn object(text: &mut String, name: &str, fields: &[Field]) {
    let _ = writeln!(text, "type {name} struct {{");
    for Field { name, doc, of, required } in fields {
        document(text, "\t", doc);
        let omitted = if *required { "" } else { ",omitempty" };
        let (field, of) = (exported(name), written(of, *required));
        let _ = writeln!(text, "\t{field} {of} `json:\"{name}{omitted}\"`");
    }
    text.push_str("}\n");
}

fn closed(text: &mut String, name: &str, words: &[String]) {
    let _ = writeln!(text, "type {name} string\n\nconst (");
    let constants: Vec<_> = words.iter().map(|word| format!("{name}{}", exported(word))).collect();
    let width = constants.iter().map(String::len).max().unwrap();
    for (constant, word) in constants.iter().zip(words) {
        let _ = writeln!(text, "\t{constant:width$} {name} = \"{word}\"");
    }
    text.push_str(")\n");
}

fn document(text: &mut String, indent: &str, doc: &str) {
    for line in wrapped(doc, 110) {
        let _ = writeln!(text, "{indent}{}", format!("// {line}").trim_end());
    }
}

/// The name with a capital, and with the abbreviations that Go writes in capitals.
fn exported(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    let name = format!("{}{rest}", first.to_uppercase());
    for (end, capitals) in [("Id", "ID"), ("Url", "URL")] {
        if let Some(begin) = name.strip_suffix(end) {
            return format!("{begin}{capitals}");
        }
    }
    name
}

/// What can be left out and is something else than nothing is a pointer.
fn written(of: &Type, required: bool) -> String {
    let optional = |name: &str| if required { name.to_owned() } else { format!("*{name}") };
    match of {
        Type::Text => "string".to_owned(),
        Type::Instant => optional("metav1.Time"),
        Type::Truth => optional("bool"),
        Type::Int32 => optional("int32"),
        Type::Int64 => optional("int64"),
        Type::List(of) => format!("[]{}", written(of, true)),
        Type::Map(of) => format!("map[string]{}", written(of, true)),
        Type::Object("Condition") => "metav1.Condition".to_owned(),
        Type::Word(name) => (*name).to_owned(),
        Type::Object(name) => optional(name),
    }
}
